/**
 * What was measured, for a terminal, for a machine and for docs/performance.md. Pure.
 */
import { type Comparison, type Spread, spread } from "./spread.ts";
import type { Part } from "./trace.ts";

/** Part of a whole over several runs; seconds. */
export interface PartSpread extends Spread {
  name: string;
}

/** Everything that one run of the benchmark measured. */
export interface Measured {
  /** The day, ISO 8601. */
  day: string;
  machine: string;
  comparisons: Comparison[];
  parts: { preview: PartSpread[]; up: PartSpread[] };
}

/** Sums up the parts of several runs, in the order of the first. */
export function partSpreads(runs: readonly (readonly Part[])[]): PartSpread[] {
  const names = runs[0]?.map(({ name }) => name) ?? [];
  const values = (name: string) =>
    runs.flatMap((parts) => parts.filter((part) => part.name === name)).map(({ seconds }) => seconds);
  return names.map((name) => ({ name, ...spread(values(name)) }));
}

const number = (value: number) => value.toFixed(2);
const range = ({ min, median, max }: Spread) => `${number(min)} / ${number(median)} / ${number(max)}`;

/** Whether the middle ratio is within its goal; undefined without a goal. */
export function isMet({ goal, ratio }: Comparison): boolean | undefined {
  return goal === undefined ? undefined : ratio.median <= goal;
}

function goalOf(comparison: Comparison): string {
  if (comparison.goal === undefined) return "-";
  return `at most ${comparison.goal}: ${isMet(comparison) ? "met" : "not met"}`;
}

function comparisonRows({ comparisons }: Measured): string[][] {
  return comparisons.map((comparison) => [
    `${comparison.what}, next to ${comparison.with}`,
    String(comparison.runs),
    range(comparison.ratio),
    goalOf(comparison),
    range(comparison.holdfast),
    range(comparison.other),
  ]);
}

function partRows(parts: readonly PartSpread[]): string[][] {
  return parts.map((part) => [part.name, range(part)]);
}

const comparisonTitles = ["what, min / median / max", "runs", "ratio", "goal", "holdfast, s", "other, s"];
const partTitles = (of: string) => [`parts of ${of}`, "s, min / median / max"];

/** For docs/performance.md. */
export function markdown(measured: Measured): string {
  const table = (titles: string[], rows: string[][]) =>
    [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  return `Measured on ${measured.day}, on ${measured.machine}.

${table(comparisonTitles, comparisonRows(measured))}

![Where the time goes](performance.svg)

${table(partTitles("a clean preview"), partRows(measured.parts.preview))}

${table(partTitles("`up` to a green job"), partRows(measured.parts.up))}
`;
}

/** For a terminal. */
export function plainTable(measured: Measured): string {
  const rows = [
    comparisonTitles,
    ...comparisonRows(measured),
    [],
    partTitles("a clean preview"),
    ...partRows(measured.parts.preview),
    [],
    partTitles("up to a green job"),
    ...partRows(measured.parts.up),
  ];
  const widths = comparisonTitles.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return `${rows.map((cells) => line(cells).trimEnd()).join("\n")}\n`;
}
