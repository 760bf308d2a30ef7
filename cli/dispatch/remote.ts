/**
 * A runner, as a job needs it: what is there, the job's files and secrets, its beginning, what it says, its end, and nothing
 * left of it. Every question can be asked again.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Failure } from "../../lib/failure.ts";
import { shellQuote, shellScript } from "../../lib/shell.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";
import { withoutRoom } from "../../provider/runner/operations-delivery.ts";
import type { Job } from "./job.ts";
import { jobFiles } from "./job-script.ts";
import { type Files, packFiles, type Unpacked, unpackFiles } from "./tarball.ts";

/** Bound on sending or fetching a job's files, in seconds. */
const transferSeconds = 900;
/** Bound on what is taken from a runner at once, in bytes. */
const maximumBytes = 256 * 1024 ** 2;
/**
 * Where there may be a file system in memory, the better one first: in /run, which every machine with systemd has, nobody but
 * root makes anything; from /dev/shm, which containers have, logind may remove what is of a user who logs out.
 */
const memories = ["/run", "/dev/shm"];

/** What runs there. */
const scripts = {
  look: shellScript(import.meta.dirname, "look.sh"),
  receive: shellScript(import.meta.dirname, "receive.sh"),
  takeSecretsDirectory: shellScript(import.meta.dirname, "take-secrets-directory.sh"),
  state: shellScript(import.meta.dirname, "state.sh"),
};

/** What is on a runner before a job begins. */
export interface RunnerFacts {
  /** Home directory of the user. */
  home: string;
  user: string;
  /** Absolute path of the release in use. */
  release: string;
  /** Directory of a file system in memory. */
  memory: string;
  /** The release's own list of its files. */
  manifest: string;
}

/** How far a job is on its runner. `lost`: it was killed, and did not say how it ended. */
export type RemoteState = { at: "absent" | "waiting" | "running" | "lost" } | { at: "ended"; exitCode: number };

/** A connection to a runner, with what jobs ask there. */
export class OpsRunner {
  constructor(
    private readonly connection: SshConnection,
    private readonly vm: string,
  ) {}

  /** Looks around. @throws Failure where no job can run. */
  async look(prefix: string): Promise<RunnerFacts> {
    const text = await this.asUser(scripts.look.call(prefix, ...memories));
    const [home = "", user = "", release = "", kinds = "", ...manifest] = text.split("\n");
    if (manifest.length < 2)
      throw new Failure(`${this.vm} has no toolchain at ${prefix}`, "pulumi up in ops-runner/ mends it");
    const memory = memories[kinds.trim().split(" ").indexOf("tmpfs")];
    if (memory === undefined) {
      const what = `neither ${memories.join(" nor ")} of ${this.vm} is a tmpfs (${kinds.trim()})`;
      throw new Failure(`${what}: a job's secrets would be on its disk; nothing was sent`);
    }
    return { home, user, release, memory, manifest: manifest.join("\n") };
  }

  /** Sends a job's files: a copy of the release's programs, and these over it. */
  async send({ remote: { directory } }: Job, release: string, files: Files): Promise<void> {
    const script = scripts.receive.call(directory, `${release}/holdfast`);
    await this.asUser(script, await packFiles(files, ["job.sh"])).catch((error: Error) => {
      throw new Failure(withoutRoom(error, this.vm).message);
    });
  }

  /** Sends a job's secrets: into memory, for its user alone, by standard input. */
  async sendSecrets({ remote: { secrets } }: Job, user: string, files: Files): Promise<void> {
    await this.connection.must(scripts.takeSecretsDirectory.call(secrets.replace(/\/[^/]+$/, ""), user));
    const to = shellQuote(secrets);
    await this.asUser(`set -e; umask 077; rm -rf ${to}; mkdir ${to}; tar -C ${to} -xzf -`, await packFiles(files));
  }

  /** Begins. To be told twice does no harm. @throws Failure when it did not. */
  async start(job: Job): Promise<void> {
    const directory = shellQuote(job.remote.directory);
    await this.asUser(`cd ${directory} && { setsid sh ./job.sh </dev/null >/dev/null 2>&1 & }`);
    for (let look = 0; look < 50; look++) {
      if ((await this.state(job)).at !== "waiting") return;
      await pause(200);
    }
    throw new Failure(`the job does not begin on ${this.vm}`, `look at ${job.remote.directory} there`);
  }

  /** How far it is. */
  async state({ remote: { directory } }: Pick<Job, "remote">): Promise<RemoteState> {
    const [at = "", code] = (await this.asUser(scripts.state.call(directory))).trim().split(" ");
    // What is no exit code is no success.
    if (at === "ended") return { at, exitCode: /^\d{1,3}$/.test(code ?? "") ? Number(code) : 1 };
    if (at === "absent" || at === "waiting" || at === "running" || at === "lost") return { at };
    throw new Failure(`${this.vm} says ${JSON.stringify(at)} of the job in ${directory}`);
  }

  /**
   * Hands on what the job says, from a byte of its log on, until it ends.
   * @throws where the connection is lost.
   */
  async follow({ remote: { directory } }: Job, from: number, onOutput: (chunk: Buffer) => void): Promise<void> {
    const script = `cd ${shellQuote(directory)} && exec tail -c +${from + 1} -f --pid="$(cat ${jobFiles.pid})" ${jobFiles.log} 2>/dev/null`;
    await this.connection.stream(script, onOutput);
  }

  /** What the log has from a byte on. */
  async rest({ remote: { directory } }: Job, from: number): Promise<Buffer> {
    return this.bytes(`tail -c +${from + 1} ${shellQuote(`${directory}/${jobFiles.log}`)} 2>/dev/null || true`);
  }

  /** Interrupts the command, which ends in order; the second time at once. */
  async interrupt({ remote: { directory } }: Job): Promise<void> {
    await this.asUser(`kill -INT "$(cat ${shellQuote(`${directory}/${jobFiles.command}`)})" 2>/dev/null || true`);
  }

  /** Fetches what the job left: its answer, states, records, evidence, host keys. */
  async fetch({ remote: { directory } }: Job): Promise<Unpacked> {
    const kept = [jobFiles.answer, jobFiles.log, "backend", "home/.config/holdfast", "home/.local/state/holdfast"];
    const script = `cd ${shellQuote(directory)} && set -- && for each in ${kept.join(" ")}; do [ -e "$each" ] && set -- "$@" "$each"; done; exec tar -czf - "$@"`;
    return unpackFiles(await this.bytes(script));
  }

  /** Takes away whatever is left of a job. */
  async clean({ remote: { directory, secrets } }: Job): Promise<void> {
    await this.asUser(`rm -rf ${shellQuote(secrets)} ${shellQuote(directory)}`);
  }

  private async asUser(script: string, stdin?: Buffer): Promise<string> {
    const options = { asUser: true, timeoutSeconds: transferSeconds, ...(stdin ? { stdin } : {}) };
    const { code, stdout, stderr } = await this.connection.run(script, options);
    if (code === 0) return stdout;
    const words = (stderr.trim() || stdout.trim()).split("\n").slice(-5).join("\n");
    throw new Failure(`on ${this.vm}: ended with ${code}: ${words}`);
  }

  private async bytes(script: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer) => {
      length += chunk.length;
      if (length > maximumBytes) this.connection.abort();
      else chunks.push(chunk);
    };
    const timer = setTimeout(() => this.connection.abort(), transferSeconds * 1000);
    const code = await this.connection.stream(script, take).catch((error: Error) => {
      if (length <= maximumBytes) throw error;
      return undefined;
    });
    clearTimeout(timer);
    if (length > maximumBytes) {
      throw new Failure(
        `${this.vm} sends more than ${maximumBytes / 1024 ** 2} MiB, which no job leaves; nothing was brought home`,
        "look at the job's directory there; where nothing of it is needed: holdfast dispatch abandon",
      );
    }
    if (code !== 0) throw new Failure(`on ${this.vm}: what the job left could not be read (${code})`);
    return Buffer.concat(chunks);
  }
}
