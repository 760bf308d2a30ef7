/**
 * What a blueprint costs, for a terminal and for docs/performance.md. Pure.
 */
import type { Comparison } from "./spread.ts";

const three = (values: { min: number; median: number; max: number }) =>
  [values.min, values.median, values.max].map((value) => value.toFixed(2)).join(" / ");

const titles = ["what, min / median / max", "runs", "ratio", "goal", "holdfast, s", "other, s"];

function row({ what, with: other, runs, ratio, goal, holdfast, other: seconds }: Comparison): string[] {
  const verdict = goal === undefined ? "-" : `at most ${goal}: ${ratio.median <= goal ? "met" : "not met"}`;
  return [`${what}, next to ${other}`, String(runs), three(ratio), verdict, three(holdfast), three(seconds)];
}

/** For docs/performance.md. */
export function blueprintMarkdown(measured: readonly Comparison[], day: string, machine: string): string {
  const table = [titles, titles.map(() => "---"), ...measured.map(row)].map((cells) => `| ${cells.join(" | ")} |`);
  return `Measured on ${day}, on ${machine}.\n\n${table.join("\n")}\n`;
}

/** For a terminal. */
export function blueprintTable(measured: readonly Comparison[]): string {
  return measured.map((one) => `${row(one).join("  ")}\n`).join("");
}
