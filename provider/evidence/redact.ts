/**
 * Takes secrets out of what the engine hands over: whole values, and whatever texts are inside them.
 */
import { redact } from "../../lib/redact.ts";
import type { Properties, Value } from "../wire.ts";

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

/** The same of every text anywhere inside a value. */
export function redactIn(value: Value, secrets: readonly string[]): Value {
  if (typeof value === "string") return redact(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redactIn(item, secrets));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redactIn(item, secrets)]));
}
