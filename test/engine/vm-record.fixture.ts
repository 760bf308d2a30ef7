/**
 * The plugin beside a real NetBox, driven as the engine drives it; a client of NetBox that knows nothing of ours; and a proxy
 * in between that loses and spoils answers.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { onTestFinished, vi } from "vitest";
import { latestRun } from "../../cli/evidence-runs.ts";
import { catalogue } from "../../provider/catalogue.ts";
import { Recorder } from "../../provider/evidence/recorder.ts";
import { engineFor, raw, secret } from "../fixtures/provider-client.fixture.ts";

export const recordType = "holdfast:netbox:VirtualMachineRecord";
export const owner = "home.platform-vm.dev-apps";

/** A NetBox and a token that may do everything. */
export interface Access {
  url: string;
  token: string;
}

/** NetBox's answer. */
// biome-ignore lint/suspicious/noExplicitAny: rows of many kinds, looked at by tests alone.
type Body = any;

/** Names that no other test file uses. */
export function ownName(what: string): string {
  return `${what}-${randomBytes(4).toString("hex")}`;
}

/** A client of NetBox. */
export function restOf({ url, token }: Access) {
  // NetBox's server ends a connection that is idle for two seconds without a word; a request on it just then is lost.
  const headers = { authorization: `Bearer ${token}`, connection: "close" };
  const rest = async (method: string, path: string, body?: object): Promise<Body> => {
    const answer = await fetch(`${url}/api${path}`, {
      method,
      headers: { ...headers, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 400)}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const etag = async (path: string) => {
    const answer = await fetch(`${url}/api${path}`, { headers });
    return answer.headers.get("etag");
  };
  const machine = (id: number) => rest("GET", `/virtualization/virtual-machines/${id}/`);
  const machinesNamed = async (name: string): Promise<Body[]> =>
    (await rest("GET", `/virtualization/virtual-machines/?name=${name}`)).results;
  /** A reserved address; with our owner mark unless said otherwise. */
  const reserve = async (address: string, mark: string | null = owner): Promise<number> => {
    const body = { address, status: "reserved", custom_fields: { holdfast_owner: mark } };
    return (await rest("POST", "/ipam/ip-addresses/", body)).id;
  };
  const address = (id: number) => rest("GET", `/ipam/ip-addresses/${id}/`);
  return { rest, etag, machine, machinesNamed, reserve, address };
}

/** The plugin, configured for a NetBox, with evidence of its own, until the test is over. */
export async function pluginFor({ url, token }: Access) {
  const state = mkdtempSync(join(tmpdir(), "holdfast-record-"));
  vi.stubEnv("XDG_STATE_HOME", state);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(state, { recursive: true, force: true });
  });
  const engine = await engineFor(catalogue, { recorder: new Recorder({ holdfast: "0.0.1" }) });
  await engine.configure({ netboxUrl: url, netboxToken: secret(token) });
  /** Gives the state, as the engine keeps it. */
  const create = async (inputs: object) => raw((await engine.create(recordType, inputs)).getProperties());
  const update = async (olds: object, news: object) =>
    raw((await engine.update(recordType, olds, news)).getProperties());
  const drift = async (olds: object, inputs: object) =>
    raw((await engine.read(recordType, "it", olds, inputs)).getProperties()).drift as string[];
  const destroy = (state: object) => engine.delete(recordType, "it", state);
  /** Rows of hook_netbox_sync.json, without what is the same in all. */
  const rows = () => JSON.parse(readFileSync(join(latestRun("runners", "crunchy"), "hook_netbox_sync.json"), "utf8"));
  return { engine, create, update, drift, destroy, rows };
}

/** Inputs of a record in a cluster. */
export function recordOf(cluster: string, name: string, more: object = {}) {
  return {
    owner,
    key: name,
    name,
    externalId: `proxmox:${cluster}:${name}`,
    cluster: { name: cluster, type: "Proxmox VE" },
    role: "app",
    startOnBoot: true,
    vcpus: 2,
    memoryMb: 2048,
    disks: [{ name: "scsi0", sizeMb: 8192 }],
    tags: ["app"],
    cards: [{ name: "net0", mac: "bc:24:11:00:00:01" }],
    ...more,
  };
}

/** What becomes of a request: `lost` reaches NetBox, and its answer nobody. */
export type Fault = "lost" | "dropped" | "cut" | { status: number; body: string } | undefined;

/** Asked for each request, which goes on when it has answered. */
type Faults = (method: string, path: string) => Fault | Promise<Fault>;

/** A proxy until the test is over. */
export async function proxyTo(access: Access, fault: Faults = () => undefined) {
  const requests: string[] = [];
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method = "", url = "", headers } = incoming;
    requests.push(`${method} ${url}`);
    const body = await buffer(incoming);
    const what = await fault(method, url);
    if (what === "dropped") return void incoming.socket.destroy();
    if (typeof what === "object") return void outgoing.writeHead(what.status, { etag: "" }).end(what.body);
    const sent = request(`${access.url}${url}`, { method, headers, agent: false }, async (answer) => {
      const content = await buffer(answer);
      if (what === "lost") return void incoming.socket.destroy();
      outgoing.writeHead(answer.statusCode ?? 0, { ...answer.headers, "content-length": content.length });
      if (what !== "cut") return void outgoing.end(content);
      outgoing.write(content.subarray(0, content.length / 2), () => incoming.socket.destroy());
    });
    sent.on("error", () => incoming.socket.destroy());
    sent.end(body);
  };
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, token: access.token, requests };
}

/** The fault for the first request that changes something at this path, and none for any other. */
export function once(fault: Fault, method: string, path: string): Faults {
  let left = 1;
  return (asked, at) => (asked === method && at.startsWith(`/api${path}`) && left-- > 0 ? fault : undefined);
}
