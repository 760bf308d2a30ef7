/**
 * What differs between the inputs that made a resource and the inputs that it should have: pure, no gRPC.
 */
import { isDeepStrictEqual } from "node:util";
import { holdsUnknown, type Properties } from "./wire.ts";

/** The outcome of comparing inputs. */
export interface Difference {
  /**
   * Names of the inputs that differ; `drift` where a refresh found the resource to differ from its state, `forcedRun` where a
   * deploy asks for a run.
   */
  changed: string[];
  /** Those of `changed` that need another resource. */
  replaces: string[];
}

/**
 * Compares inputs property by property. An unknown counts as a change. Names that start with `__` belong to the engine.
 * @param drift what the last refresh found wrong; anything there asks for an update.
 * @param forced whether a deploy asks for a run although nothing differs.
 */
export function difference(
  oldInputs: Properties,
  newInputs: Properties,
  replaceOn: readonly string[],
  drift: readonly string[] = [],
  forced = false,
): Difference {
  const names = new Set([...Object.keys(oldInputs), ...Object.keys(newInputs)]);
  const changed = [...names].filter(
    (name) =>
      !name.startsWith("__") &&
      (holdsUnknown(newInputs[name]) || !isDeepStrictEqual(oldInputs[name] ?? null, newInputs[name] ?? null)),
  );
  const replaces = changed.filter((name) => replaceOn.includes(name));
  if (drift.length > 0) changed.push("drift");
  if (forced) changed.push("forcedRun");
  return { changed, replaces };
}
