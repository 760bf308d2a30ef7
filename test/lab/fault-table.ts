/**
 * The table of faults in docs/failover.md: written by the test run, between its two marks.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What came of one step during one fault. */
export interface FaultRow {
  /** `up`, `refresh` or `destroy`. */
  step: string;
  fault: string;
  /** Whether the step succeeded although something was out. */
  passed: boolean;
  /** The first error or warning. */
  message: string;
  /** Seconds until the step ended. */
  seconds: number;
}

const file = join(import.meta.dirname, "../../docs/failover.md");
const marks = ["<!-- faults -->", "<!-- /faults -->"] as const;

/** Writes the table when every fault was tried; a run of a few tests leaves it as it is. */
export function recordFaults(rows: readonly FaultRow[]): void {
  const text = readFileSync(file, "utf8");
  const [head = "", rest = ""] = text.split(`${marks[0]}\n`);
  const [old = "", tail = ""] = rest.split(marks[1]);
  if (rows.length < 24) return;
  const table = render(rows);
  // Times, and whose of several messages comes first, differ from run to run: they alone do not change the document.
  if (outcomes(old) === outcomes(table)) return;
  writeFileSync(file, `${head}${marks[0]}\n${table}${marks[1]}${tail}`);
}

function render(rows: readonly FaultRow[]): string {
  const lines = rows.map(
    ({ step, fault, passed, message, seconds }) =>
      `| ${step} | ${fault} | ${passed ? "goes on" : "stops"} | ${message.replaceAll("|", "\\|")} | ${seconds > 0 ? seconds.toFixed(0) : ""} |`,
  );
  return ["| step | fault | it | and says | seconds |", "|---|---|---|---|---|", ...lines, ""].join("\n");
}

function outcomes(table: string): string {
  return table.replace(/^(\|[^|]*\|[^|]*\|[^|]*\|).*$/gm, "$1");
}
