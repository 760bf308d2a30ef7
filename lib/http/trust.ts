/**
 * Whose certificates are believed: those that Node.js brings along, and those of the site. Node.js reads the site's file by one
 * name (`NODE_EXTRA_CA_CERTS`), Pulumi's providers, which are written in Go, by two others (`SSL_CERT_FILE`, `SSL_CERT_DIR`): any
 * of them will do, each adds to the others, and none takes away what Node.js trusts by itself.
 */
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { HttpFailure } from "./failure.ts";

/** Environment variables that name a file with more certificates, in PEM. */
export const fileVariables = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] as const;
/** The one that names directories of such files, as `PATH` does. */
export const directoryVariable = "SSL_CERT_DIR";

/** What to tell TLS; nothing where Node.js knows all of it by itself. */
export interface Trust {
  secureContext?: SecureContext;
}

/** Where no variable says anything: always the same, since connections are kept by it. */
export const noTrust: Trust = {};

/** By what the variables say. Reading and parsing a system's bundle takes longer than a call. */
const known = new Map<string, Trust>();

/**
 * The trust of this process' environment. Files are read once for each setting of the variables.
 * @throws HttpFailure of kind `environment` when what a variable names holds no certificate; it names variable and file.
 */
export function trust(): Trust {
  const said = [...fileVariables, directoryVariable].map((name) => process.env[name] || undefined);
  if (said.every((value) => value === undefined)) return noTrust;
  const key = JSON.stringify(said);
  const made = known.get(key) ?? { secureContext: createSecureContext({ ca: [...rootCertificates, ...extra()] }) };
  known.set(key, made);
  return made;
}

function extra(): string[] {
  const files = fileVariables.flatMap((name) => {
    const path = process.env[name];
    return path ? certificatesOf(name, path) : [];
  });
  const directories = process.env[directoryVariable];
  return [...new Set([...files, ...(directories ? certificatesUnder(directories) : [])])];
}

function certificatesOf(variable: string, path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw unusable(variable, `names ${path}, which cannot be read: ${(error as Error).message}`);
  }
  const found = certificatesIn(text);
  if (found.length === 0) throw unusable(variable, `names ${path}, which holds no certificate in PEM`);
  return found;
}

/** As OpenSSL and Go have it, what else lies there is passed over, and so is a directory that is not there, unless all are. */
function certificatesUnder(directories: string): string[] {
  const found = directories.split(delimiter).filter(Boolean).flatMap(certificatesInDirectory);
  if (found.length > 0) return found;
  throw unusable(directoryVariable, `names ${directories}, where no file holds a certificate in PEM`);
}

function certificatesInDirectory(directory: string): string[] {
  return orNothing(() => readdirSync(directory)).flatMap((name) =>
    orNothing(() => certificatesIn(readFileSync(join(directory, name), "utf8"))),
  );
}

function orNothing<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch {
    return [];
  }
}

const pem = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** The certificates of a text, without what stands around them and without those that cannot be read. */
function certificatesIn(text: string): string[] {
  return (text.match(pem) ?? []).filter((block) => {
    try {
      return new X509Certificate(block) !== undefined;
    } catch {
      return false;
    }
  });
}

function unusable(variable: string, why: string): HttpFailure {
  return new HttpFailure("environment", `${variable} ${why}`, { advice: `correct or unset ${variable}` });
}
