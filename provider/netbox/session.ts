/**
 * What a process needs to know of a NetBox only once: that our custom fields and tags are there, its version, and the pools
 * that were already found or made in it.
 */
import type { NetboxApi } from "../../lib/netbox/api.ts";
import type { ProviderConfig } from "../../resources/provider-config.ts";
import type { Operation } from "../kind.ts";
import { inspectNetbox } from "./bootstrap.ts";
import { Once } from "./once.ts";
import type { PoolSeen, ReadyPool } from "./pool.ts";

/** Gives the client of the NetBox that a provider is configured for. */
export type OpenNetbox = (operation: Operation) => Promise<NetboxApi>;

/** One NetBox, for as long as the process lives. */
export class NetboxSession {
  readonly api: NetboxApi;
  /** Pools that are ready to allocate from. */
  readonly pools = new Once<ReadyPool>();
  /** What previews saw of pools. */
  readonly looks = new Once<PoolSeen>();
  /** Pools whose expired quarantine was taken away. */
  readonly sweeps = new Once<number>();
  /** Who holds a pool, in words, shared by those who ask at the same time. */
  readonly holders = new Once<string>();
  /** Hosts of a pool, as numbers, that are taken or that this process' preview has named already. */
  readonly foreseen = new Once<Set<number>>();

  constructor(api: NetboxApi) {
    this.api = api;
  }
}

/** The sessions of a process, one for each configuration of a provider. */
export class NetboxSessions {
  private readonly opened = new WeakMap<ProviderConfig, Once<NetboxSession>>();

  constructor(private readonly open: OpenNetbox) {}

  /** The session of an operation. @throws Error when NetBox cannot be used, or lacks what `holdfast netbox bootstrap` makes. */
  of(operation: Operation): Promise<NetboxSession> {
    const { config } = operation;
    const sessions = this.opened.get(config) ?? new Once<NetboxSession>();
    this.opened.set(config, sessions);
    return sessions.get("", async () => {
      const api = await this.open(operation);
      await assertBootstrapped(api, operation);
      return new NetboxSession(api);
    });
  }
}

/**
 * NetBox ignores a filter by a field that it does not have, and then every address would be ours; where the field is not unique
 * it would take an identity twice. So both are looked at before anything else.
 */
async function assertBootstrapped(api: NetboxApi, { recordVersion }: Pick<Operation, "recordVersion">): Promise<void> {
  const { version, fields, tags } = await inspectNetbox(api);
  recordVersion("netbox", version);
  const lacking = [...fields.map(({ name }) => `custom field ${name}`), ...tags.map(({ slug }) => `tag ${slug}`)];
  if (lacking.length === 0) return;
  throw new Error(`NetBox at ${api.url} lacks ${lacking.join(", ")}; make them with: holdfast netbox bootstrap`);
}
