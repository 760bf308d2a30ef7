/**
 * A state before a kind gets it. It comes out of a file that others can write: a colleague's backend, a job's result, an editor.
 * What a kind does with it ends in shells and rules of machines where we are root, so a state passes the checks of inputs, and the
 * kind's own of what it adds. Pure.
 */
import { z } from "zod";
import type { AnyKind } from "../resources/kind.ts";
import type { Properties, Value } from "./wire.ts";

type Checked = Pick<AnyKind, "type" | "inputs" | "computed" | "kept">;

/** What the server itself keeps in every state. */
const ours = { drift: z.array(z.string()).optional() };

/**
 * What the kind knows of a state. What it does not know (a field of another release) is left out, at every depth.
 * @param urn for the message.
 * @throws naming the resource and each field that holds what no release wrote there; never the value.
 */
export function checkedState(kind: Checked, state: Properties, urn: string): Properties {
  // What a release before did not have is missing, and its kind knows how to read that.
  const schema = z.object({ ...ours, ...kind.inputs.shape, ...kind.computed, ...kind.kept }).partial();
  const known = structuredClone(Object.fromEntries(Object.entries(state).filter(([name]) => name in schema.shape)));
  let result = schema.safeParse(known);
  for (; !result.success && dropUnknown(known, result.error.issues); ) result = schema.safeParse(known);
  if (result.success) return known;
  const wrong = result.error.issues.map(({ path, message }) => `\n  - ${path.map(String).join(".")}: ${message}`);
  throw new Error(
    `the state of ${urn.split("::").at(-1)} (${kind.type}) holds what holdfast does not write there, and nothing was done with it:${[...new Set(wrong)].join("")}\n` +
      "Find out who changed it, then put the fields right: pulumi stack export --file state.json, and pulumi stack import --file state.json; or bring back a copy of before",
  );
}

/** Takes fields away that a nested structure does not have. @returns whether there was one. */
function dropUnknown(state: Properties, issues: readonly z.core.$ZodIssue[]): boolean {
  let dropped = false;
  for (const issue of issues) {
    if (issue.code !== "unrecognized_keys") continue;
    const holder = issue.path.reduce<Value | undefined>(
      (value, segment) => (value as Record<PropertyKey, Value> | null | undefined)?.[segment],
      state,
    );
    for (const key of issue.keys) {
      delete (holder as Properties)[key];
      dropped = true;
    }
  }
  return dropped;
}

/** An id as the engine hands it on: of one line, and never an option. @throws without repeating it. */
export function checkedId(id: string, urn: string): string {
  if (/^[^-\p{Cc}][^\p{Cc}]{0,1023}$/u.test(id)) return id;
  throw new Error(`the id of ${urn.split("::").at(-1)} is none that holdfast gives: expected one line`);
}
