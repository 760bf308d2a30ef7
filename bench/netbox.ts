/**
 * Reservations in a real NetBox: by the plugin, a process of its own that is asked as the engine asks it, and by a bare loop of
 * the requests that NetBox itself allocates with. In turns, each in a range of its own, with the same number under way.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import provrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import { Failure } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { setup } from "../test/netbox-service.ts";
import { type RealNetbox, realNetbox } from "../test/real-netbox.ts";
import type { NetboxMeasured } from "./netbox-report.ts";
import { compare, type Pair } from "./spread.ts";

type Netbox = Extract<RealNetbox, { url: string }>;

/** How many each side reserves, in how many blocks, and how many requests are under way: what the engine does on two cores. */
const [reservations, blocks, concurrency] = [1_000, 10, 8];
const perBlock = reservations / blocks;

const holdfastPool = { subnet: "10.80.0.0/20", from: "10.80.0.10", to: "10.80.15.200" };
const barePool = { subnet: "10.81.0.0/20", from: "10.81.0.10", to: "10.81.15.200" };
const type = "holdfast:netbox:IpReservation";

/** @returns undefined where NetBox cannot run, which is said. */
export async function measureNetbox(): Promise<NetboxMeasured | undefined> {
  const end = await setup();
  try {
    const netbox = await step("NetBox", () => realNetbox());
    return netbox.missing === undefined ? await measureOn(netbox) : undefined;
  } finally {
    await end();
  }
}

async function measureOn(netbox: Netbox): Promise<NetboxMeasured> {
  const { child, reserve } = await startPlugin(netbox);
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  try {
    const bare = await bareLoop(netbox, agent);
    const pairs: Pair[] = [];
    const residentKb: number[] = [];
    await step(`${reservations} reservations, and as many bare requests`, async (report) => {
      for (let block = 0; block < blocks; block++) {
        // In turns, so that neither always finds what the other has just warmed.
        const first = block % 2 === 0 ? await timed(block, reserve) : 0;
        const other = await timed(block, bare);
        pairs.push({ holdfast: first || (await timed(block, reserve)), other });
        residentKb.push(resident(child));
        report.detail(`${(block + 1) * perBlock}`);
      }
    });
    const what = `${reservations} reservations, in ${blocks} parts`;
    const [first = 0, last = 0] = [residentKb[0], residentKb.at(-1)];
    return {
      comparison: compare({ what, with: "a bare loop of the same requests", goal: 1.3 }, pairs),
      total: pairs.reduce((sum, { holdfast, other }) => ({
        holdfast: sum.holdfast + holdfast,
        other: sum.other + other,
      })),
      memory: { afterFirst: { reservations: perBlock, kb: first }, afterAll: { reservations, kb: last } },
    };
  } finally {
    agent.destroy();
    child.kill();
  }
}

/** A block of work, so many at once. @returns seconds. */
async function timed(block: number, work: (index: number) => Promise<void>): Promise<number> {
  const end = (block + 1) * perBlock;
  let next = block * perBlock;
  const began = performance.now();
  const one = async () => {
    while (next < end) await work(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  return (performance.now() - began) / 1000;
}

/** The plugin's process, and a reservation by it. */
async function startPlugin(netbox: Netbox): Promise<{ child: ChildProcess; reserve(index: number): Promise<void> }> {
  const executable = join(import.meta.dirname, "..", "provider", "pulumi-resource-holdfast");
  const state = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  // Its evidence is part of its work; what it logs would be the terminal's.
  const env = { ...process.env, XDG_STATE_HOME: state };
  const child = spawn(executable, { env, stdio: ["ignore", "pipe", "ignore"] });
  child.once("exit", () => rmSync(state, { recursive: true, force: true }));
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Failure(`the plugin ended with ${code}`)));
  });
  const client = new provrpc.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const { url, token } = netbox;
  const config = new pb.ConfigureRequest().setArgs(
    structpb.Struct.fromJavaScript({ netboxUrl: url, netboxToken: token }),
  );
  await new Promise<void>((resolve, reject) =>
    client.configure(config, (error) => (error ? reject(error) : resolve())),
  );
  const reserve = (index: number) => {
    const identity = { zone: "onprem", env: "bench", vm: `app-${index}`, bridge: "vnetbench", nic: 1 };
    const inputs = { identity, owner: "bench-1.platform-vm.bench", pool: holdfastPool };
    const asked = new pb.CreateRequest()
      .setUrn(`urn:pulumi:bench::platform-vm::${type}::app-${index}`)
      .setProperties(structpb.Struct.fromJavaScript(inputs));
    return new Promise<void>((resolve, reject) =>
      client.create(asked, (error) => (error ? reject(new Failure(error.details)) : resolve())),
    );
  };
  return { child, reserve };
}

/** Prefix and range made, and a request that allocates from it: the same fields, which NetBox checks and stores. */
async function bareLoop(netbox: Netbox, agent: Agent): Promise<(index: number) => Promise<void>> {
  const length = barePool.subnet.split("/")[1];
  await post(netbox, agent, "/ipam/prefixes/", { prefix: barePool.subnet });
  const bounds = { start_address: `${barePool.from}/${length}`, end_address: `${barePool.to}/${length}` };
  const { id } = await post(netbox, agent, "/ipam/ip-ranges/", bounds);
  return async (index) => {
    await post(netbox, agent, `/ipam/ip-ranges/${id}/available-ips/`, {
      status: "reserved",
      description: `bare/${index}`,
      tags: [{ slug: "holdfast" }],
      custom_fields: {
        holdfast_identity: `bare-${index}`,
        holdfast_identity_text: `bare/${index}`,
        holdfast_owner: "bench-1.platform-vm.bare",
      },
    });
  };
}

function post({ url, token }: Netbox, agent: Agent, path: string, body: object): Promise<{ id: number }> {
  const content = JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(content),
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/api${path}`, { method: "POST", agent, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      answer.on("end", () => {
        if (answer.statusCode === 201) resolve(JSON.parse(text) as { id: number });
        else reject(new Failure(`NetBox refused the bare request: ${answer.statusCode} ${text.slice(0, 200)}`));
      });
    });
    sent.on("error", reject);
    sent.end(content);
  });
}

/** Resident memory of a process, in kB. */
function resident({ pid }: ChildProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
