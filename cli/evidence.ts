/**
 * `holdfast evidence`: what the runs of a stack left behind, and whether it is still as it was written.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Failure } from "../lib/failure.ts";
import { runName, runsOf, stackDirectory } from "../provider/evidence/directory.ts";
import type { Run, Step } from "../provider/evidence/recorder.ts";
import { differences } from "../provider/evidence/verify.ts";

/** Lists the runs of a stack, the newest last, each with how its steps ended and whether it is intact. */
export function listEvidence(project: string, stack: string, options: { json: boolean }): number {
  const runs = existing(project, stack).map((directory) => {
    const steps = stepsOf(directory);
    return { directory, intact: differences(directory).length === 0, steps: steps ? countOf(steps) : {} };
  });
  if (options.json) process.stdout.write(`${JSON.stringify({ project, stack, runs }, null, 2)}\n`);
  else {
    const lines = runs.map(({ directory, intact, steps }) => {
      const counts = Object.entries(steps).map(([outcome, count]) => `${count} ${outcome}`);
      return `${basename(directory)}  ${intact ? "intact" : "DIFFERS"}  ${counts.join(", ") || "not readable"}\n`;
    });
    process.stdout.write(`${stackDirectory(project, stack)}\n\n${lines.join("")}`);
  }
  return runs.every(({ intact }) => intact) ? 0 : 1;
}

/** Verifies one run. Exit code 0 intact, 1 something differs. */
export function verifyEvidence(directory: string, options: { json: boolean }): number {
  let found: string[];
  try {
    found = differences(directory);
  } catch (error) {
    throw new Failure(
      `${directory} cannot be read: ${(error as Error).message}`,
      "holdfast evidence list <project> <stack>",
    );
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ directory, differences: found }, null, 2)}\n`);
  else if (found.length === 0) process.stdout.write(`✓ ${directory} is as it was written\n`);
  else
    process.stdout.write(
      `✗ ${directory} differs from what was written:\n${found.map((line) => `  - ${line}\n`).join("")}`,
    );
  return found.length === 0 ? 0 : 1;
}

/** The newest run of a stack. */
export function latestRun(project: string, stack: string): string {
  const latest = existing(project, stack).at(-1);
  if (!latest) {
    throw new Failure(
      `there is no evidence of ${project}/${stack} in ${stackDirectory(project, stack)}`,
      "only what changes something leaves evidence, on the workstation that it ran on",
    );
  }
  return latest;
}

function existing(project: string, stack: string): string[] {
  try {
    return runsOf(project, stack);
  } catch (error) {
    throw new Failure((error as Error).message, "holdfast evidence list <project> <stack>");
  }
}

function stepsOf(directory: string): Step[] | undefined {
  const file = join(directory, runName);
  if (!existsSync(file)) return undefined;
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as Run).steps;
  } catch {
    return undefined;
  }
}

/** How many steps ended how. One without an end was going on when the process was killed. */
function countOf(steps: readonly Step[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome = "not finished" } of steps) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
