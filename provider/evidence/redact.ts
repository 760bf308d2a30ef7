/**
 * Takes secrets out of texts: every known value, in every form in which a message may repeat it.
 */
import type { Properties, Value } from "../wire.ts";

/** What stands where a secret stood. */
const mark = "[secret]";
/** Shorter texts are in every sentence; no secret worth the name is shorter. */
const shortest = 4;

/** Every text anywhere inside the named properties. */
export function textsIn(properties: Properties, names: Iterable<string>): string[] {
  return [...names].flatMap((name) => texts(properties[name]));
}

function texts(value: Value | undefined): string[] {
  if (typeof value === "string") return [value];
  if (typeof value === "number") return [String(value)];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(texts);
}

/** The text without any of the secrets: as they are, line by line, and as URL, JSON and base64 spell them. */
export function redact(text: string, secrets: Iterable<string>): string {
  const forms = new Set([...secrets].flatMap(spellings).filter((form) => form.length >= shortest));
  // Longest first: a secret that is part of another must not leave the rest of that one behind.
  return [...forms].sort((a, b) => b.length - a.length).reduce((rest, form) => rest.replaceAll(form, mark), text);
}

/** The same of every text anywhere inside a value. */
export function redactIn(value: Value, secrets: readonly string[]): Value {
  if (typeof value === "string") return redact(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redactIn(item, secrets));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redactIn(item, secrets)]));
}

function spellings(secret: string): string[] {
  return [secret, secret.trim(), ...secret.split("\n").map((line) => line.trim())].flatMap((form) => [
    form,
    encodeURIComponent(form),
    JSON.stringify(form).slice(1, -1),
    Buffer.from(form).toString("base64"),
  ]);
}
