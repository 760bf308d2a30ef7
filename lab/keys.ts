/**
 * The site's SSH keys: the workstation's own, and one per SSH server, so that clients can pin them beforehand.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { execa } from "execa";

/** Makes an ed25519 key without a passphrase at `path` (0600) and `path`.pub, unless both are there. */
export async function ensureKey(path: string, comment: string): Promise<void> {
  if (existsSync(path) && existsSync(`${path}.pub`)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  for (const leftover of [path, `${path}.pub`, `${path}.new`, `${path}.new.pub`]) rmSync(leftover, { force: true });
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", `${path}.new`]);
  renameSync(`${path}.new.pub`, `${path}.pub`);
  renameSync(`${path}.new`, path);
}

/** The public half of a key: `ssh-ed25519 AAAA…`, without its comment. */
export function publicKey(path: string): string {
  return readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ").trim();
}
