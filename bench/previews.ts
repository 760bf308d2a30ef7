/**
 * Previews of a deployed, clean runner stack: next to the bare program, and where their time goes.
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Workspace } from "../lab/workspace.ts";
import { step } from "../lib/progress.ts";
import { bareProject, preview } from "./site.ts";
import type { Pair } from "./spread.ts";
import { milestones, type Part, parseTrace, previewParts } from "./trace.ts";

const project = "runners";

/** Pairs of previews, after one of each that is not counted. `options` go to both. */
export async function previewPairs(workspace: Workspace, runs: number, ...options: string[]): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let run = 0; run <= runs; run++) {
    await step(`previews ${run} of ${runs}: holdfast, bare ${options.join(" ")}`, async (report) => {
      // In turns, so that neither always finds what the other has just warmed.
      const order = run % 2 === 0 ? [project, bareProject] : [bareProject, project];
      const seconds: Record<string, number> = {};
      for (const one of order) seconds[one] = await preview(workspace, one, ...options);
      const pair = { holdfast: seconds[project] ?? 0, other: seconds[bareProject] ?? 0 };
      report.detail(`${pair.holdfast.toFixed(2)} s, ${pair.other.toFixed(2)} s`);
      if (run > 0) pairs.push(pair);
    });
  }
  return pairs;
}

/** The parts of some traced previews. Tracing costs time of its own: these are not the runs that are compared. */
export async function tracedPreviews(workspace: Workspace, runs: number): Promise<Part[][]> {
  const file = join(workspace.site.directory, "preview.trace");
  const all: Part[][] = [];
  for (let run = 1; run <= runs; run++) {
    await step(`traced preview ${run} of ${runs}`, async () => {
      rmSync(file, { force: true });
      await preview(workspace, project, "--otel-traces", `file://${file}`);
      all.push(previewParts(milestones(parseTrace(readFileSync(file, "utf8")))));
    });
  }
  return all;
}
