/**
 * Checks the inputs of a resource against its schema, leaving out what is not known yet.
 */
import type { z } from "zod";
import { type Properties, UNKNOWN, type Value } from "./wire.ts";

/** One thing that is wrong with one input. Never holds the value itself. */
export interface CheckFailure {
  property: string;
  reason: string;
}

/** All violations at once; none when the inputs can work as far as they are known. */
export function violations(schema: z.ZodType, inputs: Properties): CheckFailure[] {
  const own = Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith("__")));
  const result = schema.safeParse(own);
  if (result.success) return [];
  return result.error.issues
    .filter((issue) => !unknownAt(own, issue.path))
    .map((issue) => ({ property: issue.path.map(String).join("."), reason: issue.message }));
}

function unknownAt(inputs: Value, path: readonly PropertyKey[]): boolean {
  let value: Value | undefined = inputs;
  for (const segment of path) {
    if (value === UNKNOWN) return true;
    if (value === null || typeof value !== "object") return false;
    value = (value as Record<PropertyKey, Value>)[segment];
  }
  return value === UNKNOWN;
}
