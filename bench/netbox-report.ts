/**
 * What reservations cost, for a terminal and for docs/performance.md. Pure.
 */
import type { Comparison, Pair } from "./spread.ts";

/** What was measured of reservations. */
export interface NetboxMeasured {
  comparison: Comparison;
  /** All parts together; seconds. */
  total: Pair;
  /** Resident memory of the plugin, in kB, after so many reservations. */
  memory: { afterFirst: MemoryAfter; afterAll: MemoryAfter };
}

interface MemoryAfter {
  reservations: number;
  kb: number;
}

/** Memory counts as flat while it grows by no more than this part. */
export const flat = 0.15;

const number = (value: number) => value.toFixed(2);
const verdict = (isMet: boolean) => (isMet ? "met" : "not met");

function rows({ comparison, total, memory }: NetboxMeasured): [string, string, string][] {
  const { goal = 0, ratio, what, with: other } = comparison;
  const { afterFirst, afterAll } = memory;
  const growth = afterAll.kb / afterFirst.kb - 1;
  const mb = ({ kb }: MemoryAfter) => `${(kb / 1024).toFixed(0)} MB`;
  return [
    [
      `${what}, next to ${other}: ratio, min / median / max`,
      `${number(ratio.min)} / ${number(ratio.median)} / ${number(ratio.max)}`,
      `at most ${goal}: ${verdict(ratio.median <= goal)}`,
    ],
    [
      "the same, all together",
      `${number(total.holdfast)} s, ${number(total.other)} s: ${number(total.holdfast / total.other)}`,
      "-",
    ],
    [
      `memory of the plugin after ${afterFirst.reservations} and ${afterAll.reservations}`,
      `${mb(afterFirst)}, ${mb(afterAll)}`,
      `flat, at most ${flat * 100} % more: ${verdict(growth <= flat)}`,
    ],
  ];
}

const titles: [string, string, string] = ["reservations", "measured", "goal"];

/** For docs/performance.md. */
export function netboxMarkdown(measured: NetboxMeasured, day: string, machine: string): string {
  const table = [titles, titles.map(() => "---"), ...rows(measured)].map((cells) => `| ${cells.join(" | ")} |`);
  return `Measured on ${day}, on ${machine}.\n\n${table.join("\n")}\n`;
}

/** For a terminal. */
export function netboxTable(measured: NetboxMeasured): string {
  return `${rows(measured)
    .map((cells) => cells.join("  "))
    .join("\n")}\n`;
}
