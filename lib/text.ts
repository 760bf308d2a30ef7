/**
 * Texts that resources take, from a program and from a state alike. They end up in shells, paths, rules and requests of
 * machines where we are root, so each says what it may be made of, and none may pass for an option or lead up a path.
 */
import { z } from "zod";

/** What every name has: no leading dash for an option, no leading dot for a hidden file or `..`. */
const nameFirst = "[A-Za-z0-9_]";

/** A name of a machine, a node, a storage, a template: letters, digits, `.`, `_`, `-`. */
export const plainName = z
  .string()
  .regex(new RegExp(`^${nameFirst}[\\w.-]*$`), "expected a name of letters, digits, . _ -")
  .max(255);

/** The owner mark (lib/owner-mark.ts), or what stood in its place in earlier releases. */
export const ownerName = z
  .string()
  .regex(/^[A-Za-z0-9][\w-]*(\.[A-Za-z0-9][\w-]*)*$/, "expected an owner mark: letters, digits, . _ -")
  .max(255);

/** A network interface. */
export const interfaceName = z
  .string()
  .regex(new RegExp(`^${nameFirst}[\\w.-]{0,14}$`), "expected the name of a network interface");

/** An identity: `sha256:…`, or another word that is compared and shown. */
export const word = z
  .string()
  .regex(/^[A-Za-z0-9_][\w.:+/@-]*$/, "expected one word of letters, digits, . _ : + / @ -")
  .refine((text) => !hasParent(text), "expected no .. in it")
  .max(255);

/** One line that is shown to people or sent within JSON: no control characters, which would be another line or a command to a terminal. */
export const line = z.string().regex(/^[^\p{Cc}\u2028\u2029]*$/u, "expected one line without control characters");

/** A URL that a machine is told to fetch or to reach: its host is a plain one, and nothing in it is another word to a shell. */
export function plainUrl(protocol: RegExp, expected: string) {
  return z.string().refine((text) => isPlainUrl(text, protocol), expected);
}

function isPlainUrl(text: string, protocol: RegExp): boolean {
  if (!/^[\w.:/?#[\]@&+,=%~-]+$/.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return protocol.test(url.protocol.slice(0, -1)) && /^([\w.-]+|\[[0-9a-f:.]+\]|)$/.test(url.hostname);
}

/** A public host key as `ssh-keyscan` prints it, with or without a comment. */
export const publicKeyLine = z
  .string()
  .regex(
    /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]+=*( [^\p{Cc}]*)?$/u,
    "expected a public key as ssh-keyscan prints it",
  );

function hasParent(text: string): boolean {
  return text.split("/").includes("..");
}
