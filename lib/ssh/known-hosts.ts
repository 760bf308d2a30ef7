/**
 * Host keys of one stack: a known_hosts file of its own, so that pinning for one stack never vouches for another.
 * The format is OpenSSH's, because the libvirt provider reads the same file.
 */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Path below the home directory; the home itself differs per workstation and stays out of every input. */
const location = [".config", "holdfast", "known_hosts"] as const;

/** A host key as it stands in known_hosts and in `ssh-keyscan`: type and base64 blob. */
export type HostKey = `${string} ${string}`;

/** What names the known hosts of a stack: `<project>/<stack>`, neither of which leads elsewhere or looks like an option. */
export const knownHostsName = /^\w[\w.-]*\/\w[\w.-]*$/;

/**
 * The stack's known_hosts file on this workstation. `stack` is `<project>/<stack>`.
 * @throws for a name that could lead out of their directory.
 */
export function knownHostsFile(stack: string): string {
  if (!knownHostsName.test(stack))
    throw new Error(`${JSON.stringify(stack)} names no known hosts: expected <project>/<stack>`);
  return join(homedir(), ...location, stack);
}

/** The same path with the home directory left to the reader's environment: safe to keep in state. */
export function portableKnownHostsFile(stack: string): string {
  return ["$HOME", ...location, stack].join("/");
}

/** How known_hosts spells an address: bare on port 22, else `[host]:port`. */
export function hostPattern(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** All keys recorded for an address. A file that does not exist records none. */
export function recordedKeys(file: string, host: string, port: number): HostKey[] {
  if (!existsSync(file)) return [];
  const pattern = hostPattern(host, port);
  return lines(file)
    .map((line) => line.split(/\s+/))
    .filter(([names]) => names?.split(",").includes(pattern))
    .map(([, type, blob]) => `${type} ${blob}` as HostKey);
}

/** Records a key that was seen for the first time. */
export function recordKey(file: string, host: string, port: number, key: HostKey): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  appendFileSync(file, `${hostPattern(host, port)} ${key}\n`, { mode: 0o600 });
}

/** Makes `key` the only recorded key of the address: what the configuration pins wins over what was seen before. */
export function pinKey(file: string, host: string, port: number, key: HostKey): void {
  const recorded = recordedKeys(file, host, port);
  if (recorded.length === 1 && recorded[0] === key) return;
  replace(file, [...others(file, host, port), `${hostPattern(host, port)} ${key}`]);
}

/** Forgets every key of an address: the machine that had it is gone, and the next one is met for the first time. */
export function forgetKeys(file: string, host: string, port: number): void {
  if (recordedKeys(file, host, port).length > 0) replace(file, others(file, host, port));
}

/** A machine that some stack of this workstation knows. */
export interface KnownMachine {
  /** `<project>/<stack>`. */
  stack: string;
  /** As known_hosts spells it: bare on port 22, else `[host]:port`. */
  pattern: string;
  key: HostKey;
}

/** Every machine that the stacks of this workstation know. */
export function knownMachines(): KnownMachine[] {
  const root = join(homedir(), ...location);
  if (!existsSync(root)) return [];
  const stacks = readdirSync(root, { withFileTypes: true })
    .filter((project) => project.isDirectory())
    .flatMap((project) =>
      readdirSync(join(root, project.name), { withFileTypes: true })
        .filter((file) => file.isFile())
        .map((file) => `${project.name}/${file.name}`),
    );
  return stacks.flatMap((stack) =>
    lines(knownHostsFile(stack)).flatMap((line) => {
      const [names = "", type, blob] = line.split(/\s+/);
      return names.split(",").map((pattern) => ({ stack, pattern, key: `${type} ${blob}` as HostKey }));
    }),
  );
}

/** Fingerprint of a public key (`type base64 …`) as OpenSSH shows it; undefined for what is none. */
export function fingerprint(publicKey: string | undefined): string | undefined {
  const blob = publicKey?.split(" ")[1];
  if (!blob) return undefined;
  const digest = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64");
  return `SHA256:${digest.replace(/=+$/, "")}`;
}

/** Type and blob of a public key line, its comment dropped: `ssh-ed25519 AAAA… root@host` → `ssh-ed25519 AAAA…`. */
export function normalizeKey(line: string): HostKey {
  const [type, blob] = line.trim().split(/\s+/);
  return `${type} ${blob}`;
}

/** The lines about other addresses. */
function others(file: string, host: string, port: number): string[] {
  const pattern = hostPattern(host, port);
  return existsSync(file) ? lines(file).filter((line) => line.split(/\s+/)[0] !== pattern) : [];
}

function replace(file: string, content: readonly string[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}`;
  writeFileSync(next, content.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  renameSync(next, file);
}

function lines(file: string): string[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
}
