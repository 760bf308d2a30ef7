/**
 * One dial to an SSH server, in stages, with its host key checked against the stack's own known_hosts. No Pulumi in here.
 */

import { readFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { homedir } from "node:os";
import type { Duplex } from "node:stream";
import type { ConnectConfig, Client as SshClient } from "ssh2";
import {
  type HostKey,
  hostPattern,
  knownHostsFile,
  knownMachines,
  normalizeKey,
  pinKey,
  recordedKeys,
  recordKey,
} from "./known-hosts.ts";
import { ssh2 } from "./package.ts";

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

/** The host answered with another key than the one that is pinned or was seen before. Nobody was logged in. Never retried. */
export class HostKeyMismatch extends Error {}

/** What a dial passes, in this order; `resolve` only where the target is a name. */
export type DialStage = "resolve" | "tcp" | "banner" | "host-key" | "authentication";

/** What a dial may be told beside its target. */
export interface DialOptions {
  /** A stream to the server, where the way to it leads over another machine. */
  over?: Duplex;
  /** Told each stage as it is passed. */
  passed?: (stage: DialStage) => void;
  /** Told the key of a first contact, which is not recorded then. */
  met?: (key: HostKey) => void;
}

/** The private key that `RUNNER_SSH_KEY_PATH` names, or the agent, or an error that says how to give one. */
export function credentials(): Pick<ConnectConfig, "privateKey" | "agent"> {
  const path = process.env[keyPathVariable];
  if (path) {
    const file = path.replace(/^~(?=\/)/, homedir());
    try {
      const privateKey = readFileSync(file);
      const parsed = ssh2().utils.parseKey(privateKey);
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

/**
 * Dials once and logs in.
 * @param timeoutSeconds bound on all stages together.
 * @throws HostKeyMismatch where another key answers than the one that is known.
 */
export function dial(target: SshTarget, timeoutSeconds: number, options: DialOptions = {}): Promise<SshClient> {
  const passed = options.passed ?? (() => {});
  const file = knownHostsFile(target.stack);
  const pinned = target.hostKey ? normalizeKey(target.hostKey) : undefined;
  const expected = pinned ? [pinned] : recordedKeys(file, target.host, target.port);
  const met = options.met ?? ((key) => recordKey(file, target.host, target.port, key));
  const login = credentials();
  return new Promise((resolve, reject) => {
    const client = new (ssh2().Client)();
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
      passed("authentication");
      resolve(client);
    });
    // A handshake is many small packets in turn: with Nagle's algorithm each waits for the other side's delayed acknowledgement.
    const socket = options.over ?? connectTcp({ host: target.host, port: target.port, noDelay: true });
    // A stream over another machine stays half open when the server behind it is gone: nobody would be told.
    options.over?.once("end", () => options.over?.destroy());
    client.connect({
      ...login,
      sock: socket,
      username: target.user,
      readyTimeout: timeoutSeconds * 1000,
      keepaliveInterval: 10_000,
      keepaliveCountMax: 3,
      algorithms: { serverHostKey: hostKeyAlgorithms(expected) },
      hostVerifier: (blob: Buffer) => {
        const seen = keyOf(blob);
        if (expected.length === 0) met(seen);
        else if (!expected.includes(seen)) refusal = mismatch(target, file, expected, seen);
        // Not before: somebody may have named a wrong address, and this file says who is where.
        else if (pinned) pinKey(file, target.host, target.port, pinned);
        if (!refusal) passed("host-key");
        return refusal === undefined;
      },
    } as ConnectConfig);
    // Behind the client's own listeners: a listener for data sets the stream flowing.
    socket.once("lookup", (error: Error | null) => error ?? passed("resolve"));
    socket.once("connect", () => passed("tcp"));
    socket.once("data", () => passed("banner"));
  });
}

/** Whether the target's port takes connections, within so many milliseconds. */
export function portOpens({ host, port }: SshTarget, withinMs: number): Promise<boolean> {
  if (withinMs <= 0) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port, timeout: withinMs });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => answer(true));
    socket.once("timeout", () => answer(false));
    socket.once("error", () => answer(false));
  });
}

function mismatch(target: SshTarget, file: string, expected: HostKey[], seen: string): HostKeyMismatch {
  const { host, port, stack } = target;
  const known = knownMachines().find(({ key, pattern }) => key === seen && pattern !== hostPattern(host, port));
  const whose = known ? `, which is the key of ${known.pattern} as ${known.stack} knows it` : "";
  return new HostKeyMismatch(
    `host key of ${host}:${port} changed: expected ${expected.join(" or ")}, it answered with ${seen}${whose}. ` +
      "Nobody was logged in there. If the host was really rebuilt, compare its key on its own console " +
      `(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then: npx holdfast trust ${stack}, which shows both keys and says what to type ` +
      `(the old one is in ${file}${target.hostKey ? ", and pinned" : ""}); otherwise somebody is in between`,
  );
}

/** Asks for the kind of key that is recorded, so that a host with several keys is not taken for a changed one. */
export function hostKeyAlgorithms(expected: HostKey[]): string[] {
  const types =
    expected.length > 0
      ? expected.map((key) => key.split(" ")[0] ?? "")
      : ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"];
  return types.flatMap((type) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]));
}

/** Type and base64 of a public key blob: the type is its first length-prefixed string (RFC 4253, 6.6). */
export function keyOf(blob: Buffer): HostKey {
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("ascii");
  return `${type} ${blob.toString("base64")}`;
}

function describe(error: Error): Error {
  if (/All configured authentication methods failed/.test(error.message)) {
    return new Error(`the login was refused; is the public half of ${keyPathVariable} in authorized_keys there?`);
  }
  return error;
}
