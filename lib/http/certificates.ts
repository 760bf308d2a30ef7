/**
 * Whose certificates are believed: those that Node.js brings along, and those of the site. Node.js reads the site's file by one
 * name (`NODE_EXTRA_CA_CERTS`), Pulumi's providers, which are written in Go, by another (`SSL_CERT_FILE`): either will do.
 */
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";

/** Environment variables that name a file with more certificates. */
const variables = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] as const;

/**
 * What to tell TLS; nothing where Node.js knows all of it by itself.
 * @throws Error when a file cannot be read, naming the variable.
 */
export function trustedCertificates(): { ca?: string[] } {
  const files = variables.flatMap((name) => (process.env[name] ? [{ name, file: process.env[name] }] : []));
  if (files.every(({ name }) => name === "NODE_EXTRA_CA_CERTS")) return {};
  return { ca: [...rootCertificates, ...files.map(read)] };
}

function read({ name, file }: { name: string; file: string }): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`${name} names ${file}, which cannot be read: ${(error as Error).message}`);
  }
}
