/**
 * What can be said of a resource without looking at it: before it is created, before it is updated, and after an update
 * that was not finished. Pure.
 */
import type { AnyKind } from "../resources/kind.ts";
import { difference } from "./diff.ts";
import { type Properties, UNKNOWN } from "./wire.ts";

type Outputs = Pick<AnyKind, "computed" | "volatile">;

/**
 * After an update that failed half way the engine keeps the old inputs beside the new state, and a refresh forgets that it
 * failed: going back to the old configuration would look clean, with half of the new one in place.
 */
export function unfinished(inputs: Properties, state: Properties): string[] {
  const known = Object.fromEntries(Object.keys(inputs).map((name) => [name, state[name] ?? null]));
  const { changed } = difference(known, inputs, []);
  return changed.length > 0 ? [`an update of ${changed.join(", ")} was begun and did not succeed`] : [];
}

/** What a preview can already say of a resource: its inputs; all that only creating it will tell is unknown. */
export function preview(kind: Outputs, inputs: Properties): Properties {
  return { ...Object.fromEntries(Object.keys(kind.computed).map((name) => [name, UNKNOWN])), ...inputs };
}

/** Computed outputs that this update does not change, so that a preview need not call them unknown. */
export function stable(kind: Outputs, olds: Properties, changed: readonly string[]): Properties {
  const moves = (name: string) => kind.volatile?.[name]?.some((input: string) => changed.includes(input)) ?? false;
  const names = Object.keys(kind.computed).filter((name) => name in olds && !moves(name));
  return Object.fromEntries(names.map((name) => [name, olds[name] ?? null]));
}
