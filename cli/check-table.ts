/**
 * Checks as a person reads them: one line each, what failed with what mends it below, and a sum at the end.
 */
import { styleText } from "node:util";
import type { Check, CheckStatus } from "../lib/preflight/check.ts";

/** How a table is written. */
export interface TableStyle {
  /** Columns that a line may take. */
  width: number;
  colour: boolean;
}

const marks = {
  ok: { mark: "✓", word: "ok", colour: "green" },
  failed: { mark: "✗", word: "FAILED", colour: "red" },
  warning: { mark: "!", word: "warning", colour: "yellow" },
  skipped: { mark: "?", word: "unknown", colour: "yellow" },
  deferred: { mark: "…", word: "deferred", colour: "yellow" },
} as const satisfies Record<CheckStatus, { mark: string; word: string; colour: string }>;

const statusWidth = 9;
const gap = 2;

/** The table, its last line being the sum. */
export function checkTable(checks: readonly Check[], style: TableStyle): string {
  const widest = Math.max(...checks.map(({ what }) => what.length), 0);
  const whatWidth = Math.min(widest, Math.floor((style.width - statusWidth) * 0.5));
  return `${checks.map((check) => row(check, whatWidth, style)).join("\n")}\n\n${sum(checks, style)}\n`;
}

function row(check: Check, whatWidth: number, style: TableStyle): string {
  const { mark, word, colour } = marks[check.status];
  const foundWidth = Math.max(20, style.width - statusWidth - whatWidth - 2 * gap);
  const [whats, founds] = [wrapped(check.what, whatWidth), wrapped(check.found ?? "", foundWidth)];
  const lines = Array.from({ length: Math.max(whats.length, founds.length) }, (_, index) => {
    const status =
      index === 0 ? painted(`${mark} ${word}`.padEnd(statusWidth), colour, style) : " ".repeat(statusWidth);
    return `${status}${" ".repeat(gap)}${(whats[index] ?? "").padEnd(whatWidth)}${" ".repeat(gap)}${founds[index] ?? ""}`;
  });
  // Not wrapped: a command is copied as a whole.
  if ((check.status === "failed" || check.status === "warning") && check.fix)
    lines.push(`${" ".repeat(statusWidth + gap)}→ ${check.fix}`);
  return lines.map((line) => line.trimEnd()).join("\n");
}

function sum(checks: readonly Check[], style: TableStyle): string {
  const parts = (Object.keys(marks) as CheckStatus[]).flatMap((status) => {
    const count = checks.filter((check) => check.status === status).length;
    // Not every command has checks that only warn, or that wait.
    if ((status === "warning" || status === "deferred") && count === 0) return [];
    const text = `${count} ${marks[status].word.toLowerCase()}`;
    return count > 0 && status !== "ok" ? painted(text, marks[status].colour, style) : text;
  });
  return parts.join(", ");
}

function painted(text: string, colour: "green" | "red" | "yellow", style: TableStyle): string {
  // Whether colour is wanted is the caller's to say, not this process's environment.
  return style.colour ? styleText(colour, text, { validateStream: false }) : text;
}

/** Breaks a text between words; a word that is longer than a line stays whole. */
function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? "";
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Prints a table on standard output, under a line that says what was looked at. */
export function printTable(head: string, checks: readonly Check[]): void {
  const { isTTY, columns = 120 } = process.stdout;
  const colour = isTTY === true && !process.env.NO_COLOR;
  process.stdout.write(`${head}\n\n${checkTable(checks, { width: columns, colour })}`);
}

/** Exit code of a command that looks. What was not observed is not good: it counts, but less than what failed. */
export function exitCode(checks: readonly Check[]): 0 | 1 | 2 {
  if (checks.some(({ status }) => status === "failed")) return 1;
  return checks.some(({ status }) => status === "skipped") ? 2 : 0;
}
