/**
 * The table of attacks in docs/security.md: written by the test run, between its two marks.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Shot } from "./attacks.ts";

const file = join(import.meta.dirname, "../../../docs/security.md");
const marks = ["<!-- red team -->", "<!-- /red team -->"] as const;

/** Which shots arrived, by the way in which the VM was fenced. */
export type Outcomes = Record<string, ReadonlySet<Shot>>;

/** Writes the table, where it differs from the one that is there. */
export function recordAttacks(shots: readonly Shot[], outcomes: Outcomes): void {
  const text = readFileSync(file, "utf8");
  const [head = "", rest = ""] = text.split(`${marks[0]}\n`);
  const [old = "", tail = ""] = rest.split(marks[1]);
  const table = render(shots, outcomes);
  if (old !== table) writeFileSync(file, `${head}${marks[0]}\n${table}${marks[1]}${tail}`);
}

function render(shots: readonly Shot[], outcomes: Outcomes): string {
  const ways = Object.keys(outcomes);
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const lines = shots.map((shot) =>
    row([shot.name, shot.at, ...ways.map((way) => (outcomes[way]?.has(shot) ? "arrives" : "-"))]),
  );
  return [row(["sent by root on the VM", "seen by", ...ways]), `|${"---|".repeat(ways.length + 2)}`, ...lines, ""].join(
    "\n",
  );
}
