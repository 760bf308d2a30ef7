/**
 * Takes secrets out of what others say. A forge repeats a token that it refuses, some versions several times in one message, and
 * whatever stands in between may have escaped it or cut it off.
 */
import { mark, redact, shortest } from "../redact.ts";
import { proxySecrets } from "./proxy.ts";

/** As many characters of a secret in a row are no coincidence, and still of use to nobody who finds fewer. */
const telling = 8;

/**
 * The text without the secrets, without any way that HTTP, JSON and HTML have to write their characters, and without longer parts
 * of them. Passwords of proxies are taken out too.
 */
export function withheld(text: string, secrets: readonly string[]): string {
  const known = [...secrets, ...proxySecrets()].filter((secret) => secret.length >= shortest);
  return known.reduce(without, text);
}

function without(text: string, secret: string): string {
  const pieced = new RegExp([...secret].map(anyWay).join(""), "gi");
  return withoutParts(redact(text, [secret]).replace(pieced, mark), secret);
}

/** One character as it stands, or as a percent code, a JSON escape or a character reference. */
function anyWay(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  const escaped = character.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
  return `(?:${escaped}|%(?:25)?${hex.padStart(2, "0")}|\\\\u${hex.padStart(4, "0")}|&#0*${code};|&#x0*${hex};)`;
}

/** Replaces each stretch of the text that stands in the secret too, however it was cut off. */
function withoutParts(text: string, secret: string): string {
  if (secret.length < telling) return text;
  let result = "";
  for (let at = 0; at < text.length; ) {
    let length = secret.includes(text.slice(at, at + telling)) && at + telling <= text.length ? telling : 0;
    while (length > 0 && at + length < text.length && secret.includes(text.slice(at, at + length + 1))) length++;
    result += length > 0 ? mark : text[at];
    at += length || 1;
  }
  return result;
}
