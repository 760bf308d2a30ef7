/**
 * The parts of docs/architecture.md that are derived: the projects with their contracts, and who imports whom.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { layers } from "../.dependency-cruiser.mjs";
import { projects } from "../cli/projects.ts";
import { withPart } from "../lib/derived.ts";

const file = join(import.meta.dirname, "architecture.md");

/** The document, by its absolute path. */
export function architectureFile(): Map<string, string> {
  const parts = { projects: `${diagram(contractArrows())}\n\n${projectTable()}`, layers: diagram(importArrows()) };
  const text = Object.entries(parts).reduce(
    (before, [name, part]) => withPart(before, name, part),
    readFileSync(file, "utf8"),
  );
  return new Map([[file, text]]);
}

function diagram(lines: readonly string[]): string {
  return ["```mermaid", "flowchart LR", ...lines.map((line) => `  ${line}`), "```"].join("\n");
}

/** Each project, and an arrow for each contract from who exports it to who reads it. */
function contractArrows(): string[] {
  const boxes = projects.map(({ name, stacks }) => `${name}["${name}<br/>one stack per ${stacks.each}"]`);
  const arrows = projects.flatMap(({ name, consumes }) =>
    consumes.map(({ contract, stackKey }) => {
      const producer = projects.find(({ produces }) => produces === contract)?.name;
      // What no stack exports comes from a file that a command writes.
      const from = producer ?? `${contract.replace("@", "-")}["a file"]`;
      return `${from} ${stackKey === undefined ? "-." : "--"} "${contract}" ${stackKey === undefined ? ".->" : "-->"} ${name}`;
    }),
  );
  return [...boxes, ...arrows];
}

function projectTable(): string {
  const rows = projects.map(({ name, stacks, dials, consumes, produces, summary }) => [
    `\`${name}\``,
    summary,
    `${stacks.each} (\`${stacks.example}\`)`,
    dials.length > 0 ? dials.join(", ") : "nothing",
    consumes.map(({ contract }) => `\`${contract}\``).join(", ") || "-",
    `\`${produces}\``,
  ]);
  const titles = ["project", "what it is", "a stack per", "dials", "reads", "exports"];
  return [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Only what is not reached over another arrow, so that the picture stays readable. */
function importArrows(): string[] {
  const all: Readonly<Record<string, readonly string[]>> = layers;
  const reached = (from: string): string[] => (all[from] ?? []).flatMap((to) => [to, ...reached(to)]);
  return Object.entries(all).flatMap(([folder, below]) => {
    const direct = below.filter((to) => !below.some((other) => other !== to && reached(other).includes(to)));
    return direct.map((to) => `${folder} --> ${to}`);
  });
}
