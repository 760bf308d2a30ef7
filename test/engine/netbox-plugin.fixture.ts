/**
 * Reservations through the plugin's real server, against the real NetBox of the test run: each test has a subnet of its own.
 */
import { z } from "zod";
import { NetboxApi } from "../../lib/netbox/api.ts";
import { type IpIdentity, identityDigest } from "../../lib/netbox/identity.ts";
import { type IpPool, withPrefixLength } from "../../lib/netbox/ip-pool.ts";
import { byIdentity, type IpAddress, ipAddress, ipAddresses } from "../../provider/netbox/ip-address.ts";
import { ipReservationBy } from "../../provider/netbox/ip-reservation.ts";
import type { OpenNetbox } from "../../provider/netbox/session.ts";
import type { Catalogue } from "../../provider/server.ts";
import { engineFor, raw, secret, unknown } from "../fixtures/provider-client.fixture.ts";

export const reservationType = "holdfast:netbox:IpReservation";

/** Mark of the stack that most tests are. */
export const owner = "home-1.platform-vm.dev-apps";

/** Short pauses; a try may take as long as a busy machine needs, since only tests of silence wait for its end. */
const retry = { attemptMs: 60_000, attempts: 3, pauseMs: 10 };
const policy = { attempts: 3, looksMs: [0, 10, 20] };

/** A NetBox to test against, with its token. */
export interface Access {
  url: string;
  token: string;
}

/** Straight to NetBox, for what a test does behind the plugin's back. */
export function direct({ url, token }: Access): NetboxApi {
  return new NetboxApi({ url, token, signal: new AbortController().signal });
}

/** What an operation gave, or what was said instead. */
export interface Given {
  id: string;
  state: Record<string, unknown>;
  /** Empty when it succeeded. */
  error: string;
}

/** The plugin with a process' memory of its own, as one command of Pulumi has it. `attemptMs` retry one try of one call. */
export async function plugin(access: Access, attemptMs = retry.attemptMs) {
  const open: OpenNetbox = async ({ config: { netboxUrl = "", netboxToken = "" }, signal }) =>
    new NetboxApi({ url: netboxUrl, token: netboxToken, signal, retry: { ...retry, attemptMs } });
  const kinds = [ipReservationBy(open, policy)];
  const engine = await engineFor({ version: "0.0.1", kinds, functions: [] } as unknown as Catalogue);
  await engine.configure({ netboxUrl: access.url, netboxToken: secret(access.token) });
  return operations(engine);
}

/** Operations on reservations, whose refusals are results too. */
export function operations(engine: Awaited<ReturnType<typeof engineFor>>) {
  const given = async (
    call: Promise<{ getProperties(): Parameters<typeof raw>[0]; getId?(): string }>,
  ): Promise<Given> => {
    try {
      const answer = await call;
      return { id: answer.getId?.() ?? "", state: raw(answer.getProperties()), error: "" };
    } catch (error) {
      return { id: "", state: {}, error: (error as { details?: string }).details ?? String(error) };
    }
  };
  return {
    engine,
    create: (inputs: object) => given(engine.create(reservationType, inputs)),
    preview: (inputs: object) => given(engine.create(reservationType, inputs, true)),
    update: (state: object, inputs: object) => given(engine.update(reservationType, state, inputs)),
    previewUpdate: (state: object, inputs: object) => given(engine.update(reservationType, state, inputs, true)),
    refresh: (state: Given["state"], inputs: object) =>
      given(engine.read(reservationType, identityDigest(state.identity as IpIdentity), state, inputs)),
    destroy: async (state: object) =>
      engine.delete(reservationType, "it", state).then(
        () => "",
        (error: { details: string }) => error.details,
      ),
  };
}

/** Subnets of 14 hosts, of which eight are given out, in a /16 that no other file of tests uses. NetBox knows nothing of them. */
export function pools(secondOctet: number, first = 0): () => IpPool {
  let next = first;
  return () => {
    const [third, fourth] = [Math.floor(next / 16), (next++ % 16) * 16];
    const host = (offset: number) => `10.${secondOctet}.${third}.${fourth + offset}`;
    return { subnet: `${host(0)}/28`, from: host(2), to: host(9) };
  };
}

/**
 * Such subnets, for which NetBox has prefix and range already, as it has after a network's first update: made all at once.
 * @param count how many; the next one is an error.
 */
export async function readyPools(api: NetboxApi, secondOctet: number, count: number): Promise<() => IpPool> {
  const nextPool = pools(secondOctet, 16 * 128);
  const ready = Array.from({ length: count }, nextPool);
  const ranges = ready.map((pool) => ({
    start_address: withPrefixLength(pool, pool.from),
    end_address: withPrefixLength(pool, pool.to),
  }));
  await api.send(
    "POST",
    "/ipam/prefixes/",
    z.array(z.unknown()),
    ready.map(({ subnet }) => ({ prefix: subnet })),
  );
  await api.send("POST", "/ipam/ip-ranges/", z.array(z.unknown()), ranges);
  return () => {
    const pool = ready.shift();
    if (!pool) throw new Error(`more than ${count} pools are asked for`);
    return pool;
  };
}

/** Inputs of a reservation for the first card of a VM on a bridge that is the pool's alone. */
export function inputsFor(pool: IpPool, vm: string, more: object = {}) {
  return { identity: identityOf(pool, vm), owner, pool, ...more };
}

export function identityOf({ subnet }: IpPool, vm: string, env = "dev"): IpIdentity {
  return { zone: "onprem", env, vm, bridge: `br-${subnet.split("/")[0]}`, nic: 1 };
}

/** The nth address that a pool gives out, with prefix length. */
export function nth({ from }: IpPool, index: number): string {
  const octets = from.split(".").map(Number);
  return `${octets.slice(0, 3).join(".")}.${(octets[3] ?? 0) + index}/28`;
}

/** Every record in a subnet, by address. */
export async function recordsIn(api: NetboxApi, { subnet }: IpPool): Promise<IpAddress[]> {
  return api.list(ipAddresses, ipAddress, { parent: subnet }, () => true);
}

/** The records of an identity. */
export function recordsOf(api: NetboxApi, identity: IpIdentity): Promise<IpAddress[]> {
  return byIdentity(api, identityDigest(identity));
}

/** Makes something behind the plugin's back. @returns its id. */
export async function make(api: NetboxApi, path: string, body: object): Promise<number> {
  return (await api.send("POST", path, z.object({ id: z.number() }), body)).id;
}

/** Changes, or deletes, a record of an address behind the plugin's back. */
export const change = (api: NetboxApi, id: unknown, body: object) =>
  api.send("PATCH", `${ipAddresses}${id}/`, ipAddress, body);
export const remove = (api: NetboxApi, id: unknown) => api.send("DELETE", `${ipAddresses}${id}/`, z.undefined());

export { unknown };
