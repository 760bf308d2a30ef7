/**
 * A runner for dispatched jobs, without a VM: a real SSH server on loopback that runs what it is told in a shell, with a home of
 * its own, and a release laid out as a bootstrap leaves it, whose programs are those of the flow's clone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import ssh2, { type Connection, type ServerChannel } from "ssh2";
import { stringify } from "yaml";
import { readCheckpoint } from "../../cli/backend.ts";
import { cacheDirectory } from "../../lib/cache.ts";
import { generateKeyPair } from "../../lib/ssh/key-pair.ts";
import { sourceEntries } from "../../release/checkout.ts";
import { launcherEntries } from "../../release/launchers.ts";
import { ensureToolchain } from "../../toolchain/index.ts";
import type { EngineResult } from "./engine.ts";
import type { Flow, StepChange } from "./flow.fixture.ts";

/** Stack of the runner's bootstrap. */
export const runnerStack = "dev-runner";

/** An SSH server whose commands run here. */
class ShellServer {
  readonly hostKey: string;
  private readonly server: ssh2.Server;
  private readonly open = new Set<Connection>();

  constructor(private readonly home: string) {
    const { privateKey, publicKey } = generateKeyPair("runner");
    this.hostKey = publicKey.split(" ").slice(0, 2).join(" ");
    this.server = new ssh2.Server({ hostKeys: [privateKey] }, (client) => this.serve(client));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return (this.server.address() as AddressInfo).port;
  }

  /** Breaks every connection. What runs goes on. */
  cut(): void {
    for (const client of this.open) client.end();
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private serve(client: Connection): void {
    this.open.add(client);
    client.on("error", () => {});
    client.on("close", () => this.open.delete(client));
    client.on("authentication", (login) =>
      login.method === "publickey" ? login.accept() : login.reject(["publickey"]),
    );
    client.on("session", (accept) =>
      accept().on("exec", (acceptExec, _reject, { command }) => this.run(command, acceptExec())),
    );
  }

  private run(command: string, channel: ServerChannel): void {
    const env = { PATH: process.env.PATH, HOME: this.home };
    const child: ChildProcess = spawn("/bin/sh", ["-c", command], { env, cwd: this.home });
    if (child.stdin) channel.pipe(child.stdin).on("error", () => {});
    child.stdout?.pipe(channel, { end: false });
    child.stderr?.pipe(channel.stderr, { end: false });
    channel.on("close", () => child.kill());
    // Not the end of what it left behind, which may hold its output.
    child.on("close", (code) => {
      channel.exit(code ?? 1);
      channel.end();
    });
  }
}

/** The runner. */
export class JobRunner {
  private constructor(
    private readonly flow: Flow,
    readonly home: string,
    private readonly server: ShellServer,
    /** Where its toolchain is. */
    readonly prefix: string,
    private readonly port: number,
  ) {}

  static async open(flow: Flow): Promise<JobRunner> {
    const root = mkdtempSync(join(tmpdir(), "holdfast-runner-"));
    const home = join(root, "home");
    mkdirSync(home);
    const server = new ShellServer(home);
    const runner = new JobRunner(flow, home, server, join(root, "core"), await server.listen());
    await runner.install();
    const key = join(root, "id_ed25519");
    writeFileSync(key, generateKeyPair("operator").privateKey, { mode: 0o600 });
    Object.assign(flow.engine.env, { RUNNER_SSH_KEY_PATH: key });
    await runner.publish();
    return runner;
  }

  /** A release as it lies on a runner. */
  private async install(): Promise<void> {
    const release = join(this.prefix, "releases", digest);
    for (const part of ["bin", "node/bin", "plugins"]) mkdirSync(join(release, part), { recursive: true });
    const { made } = await ensureToolchain(["pulumi"]);
    const engine = made.find(({ name }) => name === "pulumi")?.made.directory ?? "";
    for (const entry of launcherEntries(`pulumi/${basename(engine)}`)) {
      if ("text" in entry) writeFileSync(join(release, entry.path), entry.text, { mode: 0o755 });
      else if ("linkTo" in entry) symlinkSync(entry.linkTo, join(release, entry.path));
    }
    symlinkSync(process.execPath, join(release, "node/bin/node"));
    symlinkSync(dirname(dirname(engine)), join(release, "toolchain"));
    symlinkSync(this.flow.engine.directory, join(release, "holdfast"));
    const lines = sourceEntries(this.flow.engine.directory, "holdfast").map((entry) => {
      const content = "from" in entry ? readFileSync(entry.from) : "";
      return `${createHash("sha256").update(content).digest("hex")}  ${entry.path}\n`;
    });
    writeFileSync(join(release, "MANIFEST"), lines.join(""));
    symlinkSync(release, join(this.prefix, "current"));
  }

  /** Publishes the runner, as its stack would. */
  private async publish(): Promise<void> {
    const runner = {
      ...{ contract: "runner@1", env: "dev", place: "onprem", failureDomain: "onprem", direction: "failback" },
      vm: { key: "runner-01", name: "platform-shared-runner-01", address: "127.0.0.1", identity: "sha256:1" },
      access: {
        // Root needs no sudo, and this is whoever runs the tests.
        ...{ user: "root", port: this.port, hostKey: this.server.hostKey, direct: true },
        knownHosts: `ops-runner/${runnerStack}`,
      },
      ...{ prefix: this.prefix, releaseDigest: `sha256:${digest}`, capability: "ready", status: "ok" },
      ...{ evidenceDir: "", runId: "" },
    };
    const urn = `urn:pulumi:${runnerStack}::ops-runner::pulumi:pulumi:Stack::ops-runner-${runnerStack}`;
    const resources = [{ urn, custom: false, type: "pulumi:pulumi:Stack", outputs: { runner } }];
    const place = { project: "ops-runner", stack: runnerStack };
    await this.flow.prepare(place);
    const { path, text } = readCheckpoint(this.flow.engine.stateDirectory, place);
    const state = JSON.parse(text) as { checkpoint: { latest: { resources?: object[] } } };
    state.checkpoint.latest.resources = resources;
    writeFileSync(path, JSON.stringify(state));
  }

  /** Writes the blueprint `jobs/<name>@v1` with one step, in `first/dev-<name>`, which is there. @returns its path. */
  async blueprint(name: string, { config, ...change }: StepChange = {}): Promise<string> {
    const step = { id: "one", project: "first", stack: `dev-${name}`, ...change, config: { value: "a", ...config } };
    await this.flow.prepare(step);
    const path = this.flow.at(`${name}.yml`);
    writeFileSync(path, stringify({ kind: "Blueprint", ref: `jobs/${name}@v1`, steps: [step] }));
    return path;
  }

  /** Dispatches a deploy. */
  dispatch(file: string): Promise<EngineResult> {
    return this.flow.engine.holdfast(...argumentsOf(file, []));
  }

  /** Dispatches beside the test. */
  begin(file: string, ...before: string[]) {
    return execa("node", ["cli/holdfast.js", ...argumentsOf(file, before)], {
      cwd: this.flow.engine.directory,
      env: { ...process.env, ...this.flow.engine.env, HOLDFAST_CACHE: cacheDirectory() },
      reject: false,
      stdin: "ignore",
    });
  }

  /** Directory of jobs. */
  get jobs(): string {
    return join(this.home, ".local/state/holdfast/jobs");
  }

  /** What is left of jobs on it. Their secrets lie where those of other tests' runners do. */
  left(): string[] {
    const [jobs, secrets] = [namesIn(this.jobs), namesIn(this.secrets)];
    const evidence = join(this.flow.state, "evidence/dispatch");
    const ended = namesIn(evidence).flatMap((name) => namesIn(join(evidence, name)));
    return [...jobs, ...secrets.filter((name) => ended.includes(name) || jobs.includes(name))];
  }

  /** Directory of jobs' secrets: this machine's own, which its other tests use, too. */
  get secrets(): string {
    const memory = ["/run", "/dev/shm"].find((path) => statfsSync(path).type === 0x01021994) ?? "";
    return `${memory}/holdfast-jobs-${userInfo().username}`;
  }

  /** Breaks every connection to it. */
  cut(): void {
    this.server.cut();
  }

  close(): void {
    this.server.close();
    rmSync(dirname(this.prefix), { recursive: true, force: true });
  }
}

const digest = "ab".repeat(32);

/** What is in a directory; one that is not there is empty. */
export function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function argumentsOf(file: string, before: readonly string[]): string[] {
  const command = ["blueprint", "deploy", "--env", "dev", "--file", file, "--execute"];
  return ["dispatch", "--runner", runnerStack, ...before, "--", ...command];
}
