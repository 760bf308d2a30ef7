/**
 * SSH with checked host keys, patience and bounds. No Pulumi in here: the provider plugin and the tests use it.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import ssh2, { type ClientCallback, type ConnectConfig, type Client as SshClient } from "ssh2";
import { type HostKey, knownHostsFile, normalizeKey, pinKey, recordedKeys, recordKey } from "./known-hosts.ts";

/** Environment variable with the path of the private key that reaches hosts and VMs. */
export const keyPathVariable = "RUNNER_SSH_KEY_PATH";

/** Where to connect, and which key must answer there. */
export interface SshTarget {
  /** Address or name. */
  host: string;
  /** TCP port. */
  port: number;
  /** Login name; anyone but root runs commands through `sudo -n`. */
  user: string;
  /** The host's public key (`ssh-ed25519 AAAA…`). Empty: trust on first use, into the stack's own known_hosts. */
  hostKey?: string | undefined;
  /** `<project>/<stack>` whose known_hosts file records first use. */
  stack: string;
}

/** How long to try. */
export interface Patience {
  /** How many failed dials to bear before giving up. */
  dialErrorLimit: number;
  /** Seconds between dials. */
  pauseSeconds: number;
  /** Seconds that one dial may take, handshake and login included. */
  dialTimeoutSeconds: number;
  signal?: AbortSignal | undefined;
  /** Told what is waited for, before every pause. */
  onWait?: ((text: string) => void) | undefined;
}

/** One try, for hosts that are expected to be up. */
export const impatient: Patience = { dialErrorLimit: 1, pauseSeconds: 0, dialTimeoutSeconds: 8 };

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

/** The host answered with another key than the one that is pinned or was seen before. Never retried. */
export class HostKeyMismatch extends Error {}

/** Connects, trying again while the host boots: unreachable, refused, no key in place yet. Never on a wrong host key. */
export async function connect(target: SshTarget, patience: Patience): Promise<SshConnection> {
  const place = `${target.user}@${target.host}:${target.port}`;
  // A key that cannot be used does not get better by waiting.
  credentials();
  for (let attempt = 1; ; attempt++) {
    try {
      const connection = await dial(target, patience.dialTimeoutSeconds);
      patience.signal?.addEventListener("abort", () => connection.abort(), { once: true });
      return connection;
    } catch (error) {
      const reason = (error as Error).message;
      if (error instanceof HostKeyMismatch) throw error;
      if (attempt >= patience.dialErrorLimit) {
        const tries = attempt > 1 ? ` after ${attempt} tries` : "";
        throw new Error(`cannot reach ${place} over SSH${tries}: ${reason}; is it up, and reachable from here?`, {
          cause: error,
        });
      }
      patience.onWait?.(`waiting for SSH on ${place}, try ${attempt} of ${patience.dialErrorLimit}: ${reason}`);
      await pause(patience.pauseSeconds * 1000, undefined, { signal: patience.signal });
    }
  }
}

/** Runs `work` on a connection and closes it afterwards. */
export async function withSsh<T>(
  target: SshTarget,
  patience: Patience,
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

  /**
   * Runs a shell command as root and waits for its end. What must stay out of argument lists goes through `stdin`.
   * @param timeoutSeconds bound on the whole command, default 60.
   */
  async run(
    command: string,
    options: { stdin?: string | Buffer; timeoutSeconds?: number } = {},
  ): Promise<CommandResult> {
    const seconds = options.timeoutSeconds ?? 60;
    const line = this.target.user === "root" ? command : `sudo -n sh -c ${shellQuote(command)}`;
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

/** Quotes one word for a POSIX shell. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The private key that `RUNNER_SSH_KEY_PATH` names, or the agent, or an error that says how to give one. */
export function credentials(): Pick<ConnectConfig, "privateKey" | "agent"> {
  const path = process.env[keyPathVariable];
  if (path) {
    const file = path.replace(/^~(?=\/)/, homedir());
    try {
      const privateKey = readFileSync(file);
      const parsed = ssh2.utils.parseKey(privateKey);
      if (parsed instanceof Error) throw parsed;
      if (!parsed.isPrivateKey()) throw new Error("it holds the public half");
      return { privateKey };
    } catch (error) {
      throw new Error(
        `${keyPathVariable} names ${file}, which is no usable private key: ${(error as Error).message}. ` +
          "Give the path of an unencrypted key, or unset it and use an SSH agent",
      );
    }
  }
  const agent = process.env.SSH_AUTH_SOCK;
  if (agent) return { agent };
  throw new Error(`no SSH key: export ${keyPathVariable}=<path of the private key that reaches the host and its VMs>`);
}

function dial(target: SshTarget, timeoutSeconds: number): Promise<SshConnection> {
  const file = knownHostsFile(target.stack);
  if (target.hostKey) pinKey(file, target.host, target.port, normalizeKey(target.hostKey));
  const expected = recordedKeys(file, target.host, target.port);
  const login = credentials();
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let refusal: Error | undefined;
    const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutSeconds} s`)), timeoutSeconds * 1000);
    const fail = (error: Error) => {
      clearTimeout(timer);
      client.destroy();
      // A rebuilt host may have no key of the recorded kind at all: it never gets to show one.
      if (expected.length > 0 && /no matching host key format/.test(error.message)) {
        refusal ??= mismatch(target, file, expected, "no key of that kind");
      }
      reject(refusal ?? describe(error));
    };
    client.on("error", fail);
    client.on("close", () => fail(new Error("the connection was closed during the handshake")));
    client.on("ready", () => {
      clearTimeout(timer);
      client.removeListener("error", fail);
      client.on("error", () => {});
      resolve(new SshConnection(client, target));
    });
    client.connect({
      ...login,
      host: target.host,
      port: target.port,
      username: target.user,
      readyTimeout: timeoutSeconds * 1000,
      keepaliveInterval: 10_000,
      keepaliveCountMax: 3,
      algorithms: { serverHostKey: hostKeyAlgorithms(expected) },
      hostVerifier: (blob: Buffer) => {
        const seen = keyOf(blob);
        if (expected.length === 0) recordKey(file, target.host, target.port, seen);
        else if (!expected.includes(seen)) refusal = mismatch(target, file, expected, seen);
        return refusal === undefined;
      },
    } as ConnectConfig);
  });
}

function mismatch(target: SshTarget, file: string, expected: HostKey[], seen: string): HostKeyMismatch {
  return new HostKeyMismatch(
    `host key of ${target.host}:${target.port} changed: expected ${expected.join(" or ")}, it answered with ${seen}. ` +
      `If the host was really rebuilt, put its new key in the place of the old one in ${file}${target.hostKey ? " and change the pinned key" : ""}; ` +
      "otherwise somebody is in between",
  );
}

/** Asks for the kind of key that is recorded, so that a host with several keys is not taken for a changed one. */
function hostKeyAlgorithms(expected: HostKey[]): string[] {
  const types =
    expected.length > 0
      ? expected.map((key) => key.split(" ")[0] ?? "")
      : ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"];
  return types.flatMap((type) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]));
}

/** Type and base64 of a public key blob: the type is its first length-prefixed string (RFC 4253, 6.6). */
function keyOf(blob: Buffer): HostKey {
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("ascii");
  return `${type} ${blob.toString("base64")}`;
}

function describe(error: Error): Error {
  if (/All configured authentication methods failed/.test(error.message)) {
    return new Error(`the login was refused; is the public half of ${keyPathVariable} in authorized_keys there?`);
  }
  return error;
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}

function firstLine(command: string): string {
  const line = command.trim().split("\n")[0] ?? "";
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
