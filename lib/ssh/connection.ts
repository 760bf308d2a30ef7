/**
 * SSH with checked host keys, patience and bounds. No Pulumi in here: the provider plugin and the tests use it.
 */

import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { ClientCallback, Client as SshClient } from "ssh2";
import type { RetryPolicy } from "../retry.ts";
import { shellQuote } from "../shell.ts";
import { credentials, dial, HostKeyMismatch, portOpens, type SshTarget } from "./dial.ts";

/**
 * How long to try. One attempt is one dial, handshake and login included; the pauses between dials do not grow, and are shorter
 * where a port that was closed opens meanwhile.
 */
export interface SshRetry extends Omit<RetryPolicy, "totalMs"> {
  signal?: AbortSignal | undefined;
  /** Told what is waited for, before every pause. */
  onWait?: ((text: string) => void) | undefined;
}

/** One try, for hosts that are expected to be up. */
export const impatient: SshRetry = { attempts: 1, pauseMs: 0, attemptMs: 8_000 };

/** A file on the other machine. */
export interface RemoteFile {
  path: string;
  content: string | Buffer;
  /** Octal text. Default `0600`. */
  mode?: string;
  /** `user:group`. Default `root:root`. */
  owner?: string;
}

/** What a command left behind. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Connects, trying again while the host boots: unreachable, refused, no key in place yet. Never on a wrong host key. */
export async function connect(target: SshTarget, patience: SshRetry): Promise<SshConnection> {
  const place = `${target.user}@${target.host}:${target.port}`;
  // A key that cannot be used does not get better by waiting.
  credentials();
  for (let attempt = 1; ; attempt++) {
    try {
      const connection = new SshConnection(await dial(target, patience.attemptMs / 1000), target);
      patience.signal?.addEventListener("abort", () => connection.abort(), { once: true });
      return connection;
    } catch (error) {
      const reason = (error as Error).message;
      if (error instanceof HostKeyMismatch) throw error;
      if (attempt >= patience.attempts) {
        const tries = attempt > 1 ? ` after ${attempt} tries` : "";
        throw new Error(`cannot reach ${place} over SSH${tries}: ${reason}; is it up, and reachable from here?`, {
          cause: error,
        });
      }
      patience.onWait?.(`waiting for SSH on ${place}, try ${attempt} of ${patience.attempts}: ${reason}`);
      await untilWorthwhile(target, reason, patience);
    }
  }
}

/** Between two looks at a closed port. */
const lookEveryMs = 500;

/**
 * The pause between two dials. A machine that boots is asked for its port meanwhile, so that its answer need not wait; and
 * sshd, which cloud-init restarts as soon as it is up, cuts connections off without being far.
 */
async function untilWorthwhile(target: SshTarget, reason: string, { pauseMs, signal }: SshRetry): Promise<void> {
  const wait = (ms: number) => pause(Math.min(ms, pauseMs), undefined, { signal });
  if (/ECONNRESET|closed during/.test(reason)) return wait(1_000);
  if (!/ECONNREFUSED|EHOSTUNREACH/.test(reason)) return wait(pauseMs);
  const end = performance.now() + pauseMs;
  do await wait(lookEveryMs);
  while (performance.now() < end && !(await portOpens(target, end - performance.now())));
}

/** Runs `work` on a connection and closes it afterwards. */
export async function withSsh<T>(
  target: SshTarget,
  patience: SshRetry,
  work: (connection: SshConnection) => Promise<T>,
): Promise<T> {
  const connection = await connect(target, patience);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** An open connection. */
export class SshConnection {
  constructor(
    private readonly client: SshClient,
    readonly target: SshTarget,
  ) {}

  /** A stream to a port that this machine reaches. Rejects with the machine's own reason. */
  forward(host: string, port: number): Promise<Duplex> {
    return new Promise((resolve, reject) =>
      this.client.forwardOut("127.0.0.1", 0, host, port, (error, stream) => (error ? reject(error) : resolve(stream))),
    );
  }

  /**
   * Runs a shell command as root and waits for its end. What must stay out of argument lists goes through `stdin`.
   * @param timeoutSeconds bound on the whole command, default 60.
   * @param asUser runs it as whoever logged in; default: as root.
   */
  async run(
    command: string,
    options: { stdin?: string | Buffer; timeoutSeconds?: number; asUser?: boolean } = {},
  ): Promise<CommandResult> {
    const seconds = options.timeoutSeconds ?? 60;
    const asIs = options.asUser || this.target.user === "root";
    const line = asIs ? command : `sudo -n sh -c ${shellQuote(command)}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.client.destroy();
        reject(new Error(`command on ${this.target.host} took longer than ${seconds} s: ${firstLine(command)}`));
      }, seconds * 1000);
      const fail = (error: Error) => {
        clearTimeout(timer);
        reject(error);
      };
      const start: ClientCallback = (error, channel) => {
        if (error) return fail(error);
        const stdout: Buffer[] = [];
        const stderr: Buffer[] = [];
        let code: number | undefined;
        channel.on("data", (chunk: Buffer) => stdout.push(chunk));
        channel.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
        channel.on("exit", (exitCode: number | null) => (code = exitCode ?? 255));
        channel.on("close", () => {
          clearTimeout(timer);
          if (code === undefined) {
            reject(new Error(`connection to ${this.target.host} was lost during: ${firstLine(command)}`));
          } else resolve({ code, stdout: text(stdout), stderr: text(stderr) });
        });
        channel.end(options.stdin ?? "");
      };
      try {
        this.client.exec(line, start);
      } catch (error) {
        // A connection that is closed already says so by throwing.
        fail(error as Error);
      }
    });
  }

  /**
   * Runs a shell command as whoever logged in, and hands on what it says as it comes. There is no bound: the caller ends it
   * with the connection, and a connection that is lost ends it.
   * @param stdin in full; default: none.
   * @returns its exit code, 255 where a signal ended it.
   * @throws where the connection is lost before it ended.
   */
  stream(command: string, onData: (chunk: Buffer) => void, stdin: Buffer | string = ""): Promise<number> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error(`connection to ${this.target.host} was lost during: ${firstLine(command)}`));
      this.client.once("close", lost);
      const start: ClientCallback = (error, channel) => {
        if (error) return reject(error);
        let code: number | undefined;
        channel.on("data", onData);
        channel.stderr.resume();
        channel.on("exit", (exitCode: number | null) => (code = exitCode ?? 255));
        channel.on("close", () => {
          this.client.off("close", lost);
          if (code === undefined) lost();
          else resolve(code);
        });
        channel.end(stdin);
      };
      try {
        this.client.exec(command, start);
      } catch (error) {
        reject(error);
      }
    });
  }

  /** Like `run`, but a non-zero exit code is an error that carries the command's own words. */
  async must(command: string, options: { stdin?: string | Buffer; timeoutSeconds?: number } = {}): Promise<string> {
    const result = await this.run(command, options);
    if (result.code === 0) return result.stdout;
    const words = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-5).join("\n");
    throw new Error(`on ${this.target.host}: \`${firstLine(command)}\` failed with ${result.code}: ${words}`);
  }

  /**
   * Writes files, in one round trip: the contents travel by stdin, one behind the other. Each file is replaced by a rename,
   * and none before all have arrived. Directories that are missing are made, 0755.
   */
  async writeFiles(files: readonly RemoteFile[]): Promise<void> {
    const contents = files.map(({ content }) => Buffer.from(content));
    const directories = [...new Set(files.map(({ path }) => shellQuote(path.replace(/\/[^/]+$/, ""))))].join(" ");
    const next = ({ path }: RemoteFile) => shellQuote(`${path}.holdfast-new`);
    const stage = (file: RemoteFile, index: number) => {
      const { mode = "0600", owner = "root:root" } = file;
      return `head -c ${contents[index]?.length ?? 0} > ${next(file)}; chown ${owner} ${next(file)}; chmod ${mode} ${next(file)}`;
    };
    const place = (file: RemoteFile) => `mv -f ${next(file)} ${shellQuote(file.path)}`;
    const lines = ["set -e", `mkdir -p -m 0755 ${directories}`, "umask 077", ...files.map(stage), ...files.map(place)];
    await this.must(lines.join("\n"), { stdin: Buffer.concat(contents), timeoutSeconds: 300 });
  }

  close(): void {
    this.client.end();
  }

  /** Gives up at once: a command that runs ends as a lost connection. */
  abort(): void {
    this.client.destroy();
  }
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}

/** What an error quotes of a command; a script's name stands in a comment there. */
function firstLine(command: string): string {
  const line = (command.trim().split("\n")[0] ?? "").replace(/^# /, "");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
