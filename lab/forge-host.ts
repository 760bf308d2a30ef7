/**
 * The forge host as whoever logs in to it finds it: laid out as the documentation of Forgejo has a plain install, with a user
 * `git`, whom alone the command line obeys, and `/etc/forgejo/app.ini`. The command line is a stand-in
 * (`stand-ins/forgejo`).
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { identityFiles } from "./host.ts";
import { firstProcess, type RootSystem, type SeedFile } from "./root-system.ts";
import { sshdFiles } from "./sshd.ts";

/** Where the SSH side sees the forge's data. */
export const dataInside = "/var/lib/forgejo";

/** The forge's own user and group there. */
const git = 3000;

/** All files of the forge host, for its first boot. */
export function sshFiles(system: RootSystem): SeedFile[] {
  const { layout } = system;
  return [
    ...identityFiles(layout, "forge"),
    ...sshdFiles(layout.path("forge", "ssh_host_ed25519_key")),
    ...installation(system),
  ];
}

/**
 * Makes a running forge host as this checkout has it, one that another checkout made too, and gives the forge's data to its
 * user. The server runs as root, whom that keeps from nothing.
 */
export function refreshForgeHost(system: RootSystem): void {
  const first = firstProcess(system);
  if (!first) return;
  for (const { path, text, mode } of installation(system)) {
    const installed = `/proc/${first.pid}/root/${path}`;
    if (existsSync(installed) && readFileSync(installed, "utf8") === text) continue;
    mkdirSync(dirname(installed), { recursive: true });
    writeFileSync(installed, text);
    chmodSync(installed, mode);
  }
  chownSync(`/proc/${first.pid}/root/etc/forgejo/app.ini`, 0, git);
  const data = system.layout.path("forge", "data");
  for (const path of [data, join(data, "forge.db")]) if (existsSync(path)) chownSync(path, git, git);
}

/** What makes a machine a forge host. */
function installation({ image }: RootSystem): { path: string; text: string; mode: number }[] {
  const and = (file: string, line: string) => `${readFileSync(join(image, file), "utf8")}${line}\n`;
  return [
    { path: "etc/passwd", text: and("etc/passwd", `git:x:${git}:${git}::${dataInside}:/bin/bash`), mode: 0o644 },
    { path: "etc/group", text: and("etc/group", `git:x:${git}:`), mode: 0o644 },
    // No password, and not locked: sshd and sudo let nobody in whose account is.
    { path: "etc/shadow", text: and("etc/shadow", "git:*:20000:0:99999:7:::"), mode: 0o640 },
    { path: "etc/forgejo/app.ini", text: appIni, mode: 0o640 },
    {
      path: "usr/local/bin/forgejo",
      text: readFileSync(join(import.meta.dirname, "stand-ins/forgejo"), "utf8"),
      mode: 0o755,
    },
  ];
}

/** As much of the server's configuration as its command line reads here. */
const appIni = `RUN_USER = git
WORK_PATH = ${dataInside}

[database]
DB_TYPE = sqlite3
PATH = ${dataInside}/forge.db

[security]
INSTALL_LOCK = true
`;
