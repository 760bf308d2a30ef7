/**
 * A real OpenSSH server as the only program of a root system: what its root needs for it.
 */
import { readFileSync } from "node:fs";
import type { RootSystem, SeedFile } from "./root-system.ts";

/** The search path of sessions, for `SetEnv`. */
export const searchPath = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const config = [
  "Port 22",
  "HostKey /etc/ssh/ssh_host_ed25519_key",
  "PasswordAuthentication no",
  // The second is for users whose home directory a seed cannot own.
  "AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys/%u",
  "PermitRootLogin prohibit-password",
  "UsePAM no",
  "PidFile none",
  `SetEnv ${searchPath}`,
  "Subsystem sftp internal-sftp",
];

/** What runs as process 1 of such a root. */
export const sshdProcess: Pick<RootSystem, "command" | "processName"> = {
  command: ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/sshd_config_lab"],
  processName: "sshd",
};

/**
 * The server's files.
 * @param hostKey path of its private key on this machine.
 * @param more lines behind the server's own configuration, for example a `Match`.
 */
export function sshdFiles(hostKey: string, more: readonly string[] = []): SeedFile[] {
  return [
    { path: "etc/ssh/sshd_config_lab", text: `${[...config, ...more].join("\n")}\n` },
    { path: "etc/ssh/ssh_host_ed25519_key", text: readFileSync(hostKey, "utf8"), mode: 0o600 },
  ];
}
