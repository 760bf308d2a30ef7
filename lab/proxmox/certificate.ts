/**
 * A self-signed certificate for the simulated API, made at each start. Clients get it by `SSL_CERT_FILE`, as they would get
 * the authority of a real cluster (`/etc/pve/pve-root-ca.pem`).
 */
import { isIP } from "node:net";
import { execa } from "execa";
import { Failure } from "../../lib/failure.ts";

/** Key and certificate in PEM. */
export interface Certificate {
  key: string;
  cert: string;
}

/**
 * Makes one with openssl; the key comes by standard output and never lies in a file.
 * @param hosts addresses and names that it is for. `localhost` is always in it.
 * @throws Failure when openssl is missing or refuses.
 */
export async function selfSigned(hosts: readonly string[]): Promise<Certificate> {
  const names = ["DNS:localhost", ...hosts.map((host) => `${isIP(host) ? "IP" : "DNS"}:${host}`)].join(",");
  const args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout - -out -".split(" ");
  const subject = ["-subj", "/CN=simulated Proxmox VE", "-addext", `subjectAltName=${names}`];
  const { exitCode, stdout, stderr, code } = await execa("openssl", [...args, ...subject], { reject: false });
  const key = block(stdout, "PRIVATE KEY");
  const cert = block(stdout, "CERTIFICATE");
  if (exitCode !== 0 || key === undefined || cert === undefined) {
    throw new Failure(`no certificate for the simulated Proxmox VE: ${code ?? stderr}`, "install openssl");
  }
  return { key, cert };
}

function block(text: string, what: string): string | undefined {
  return new RegExp(`-----BEGIN ${what}-----.*?-----END ${what}-----\n?`, "s").exec(text)?.[0];
}
