/**
 * Refuses keys of another placement by their names: what is written down and has no effect is believed to have one. Pure.
 */
import { type ReportProblem, statedKeys } from "../../lib/config/strict.ts";
import type { PlatformVmConfig } from "../config.ts";
import { type PlacementKeys, placementKeys } from "./keys.ts";

/** Reports every key that the configuration states and that its placement does not have. */
export function checkPlacementKeys(config: PlatformVmConfig, report: ReportProblem): void {
  const stated = statedKeys(config);
  const { [config.placement]: mine, ...others }: Record<string, PlacementKeys> = placementKeys;
  const foreign = new Map<string, string>();
  for (const [other, { own }] of Object.entries(others)) {
    for (const key of own) if (!mine?.own.includes(key) && !foreign.has(key)) foreign.set(key, other);
  }
  for (const [key, other] of foreign) {
    if (!stated.has(key)) continue;
    const why = mine?.instead[key] ? `; ${mine.instead[key]}` : "";
    report(
      key,
      `is a key of placement ${other}, and this pool's is ${config.placement}${why}. pulumi config rm ${key}, or pulumi config set placement ${other}`,
    );
  }
}
