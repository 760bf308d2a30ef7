/**
 * What a process needs to know of a NetBox only once: that our custom fields and tags are there, its version, and the pools
 * that were already found or made in it.
 */
import { z } from "zod";
import { customFields, managedTag, staleTag } from "../../components/netbox/names.ts";
import type { Operation, ProviderConfig } from "../kind.ts";
import type { NetboxApi } from "./api.ts";
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

const field = z.object({ name: z.string(), unique: z.boolean(), object_types: z.array(z.string()) });
const tag = z.object({ slug: z.string() });
const status = z.object({ "netbox-version": z.string() });

/**
 * NetBox ignores a filter by a field that it does not have, and then every address would be ours; without `unique` it would
 * take an identity twice. So both are looked at before anything else.
 */
async function assertBootstrapped(api: NetboxApi, { saw }: Pick<Operation, "saw">): Promise<void> {
  const slugs = [managedTag.slug, staleTag.slug];
  const names = customFields.map(({ name }) => name);
  const [version, fields, tags] = await Promise.all([
    api.get("/status/", status),
    api.list("/extras/custom-fields/", field, { name: names }, ({ name }) => names.includes(name)),
    api.list("/extras/tags/", tag, { slug: slugs }, ({ slug }) => slugs.includes(slug)),
  ]);
  saw("netbox", version["netbox-version"]);
  const lacking = [
    ...customFields.flatMap((wanted) => {
      const found = fields.find(({ name }) => name === wanted.name);
      const types = wanted.objectTypes.filter((type) => !found?.object_types.includes(type));
      if (!found || types.length > 0) return [`custom field ${wanted.name} of ${types.join(" and ")}`];
      return wanted.unique && !found.unique ? [`"unique" of custom field ${wanted.name}`] : [];
    }),
    ...slugs.filter((slug) => !tags.some((found) => found.slug === slug)).map((slug) => `tag ${slug}`),
  ];
  if (lacking.length === 0) return;
  throw new Error(`NetBox at ${api.url} lacks ${lacking.join(", ")}; make them with: holdfast netbox bootstrap`);
}
