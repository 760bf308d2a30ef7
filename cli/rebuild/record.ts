/**
 * What a rebuild writes down: which machines there were and which there are, as `rebuild.json` in its evidence, and what
 * changed as a table. A rebuild that was cut off is found again by it.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { runsOf } from "../../provider/evidence/directory.ts";
import type { StackPlace } from "../pulumi.ts";

/** Name of the file. */
export const rebuildName = "rebuild.json";

const machine = z.strictObject({
  ...{ name: z.string(), id: z.string(), node: z.string(), address: z.string(), mac: z.string(), identity: z.string() },
  /** Fingerprint of the host key that the stack made, else of the one that this workstation has met; empty where there is neither. */
  hostKey: z.string(),
});
const machines = z.record(z.string(), machine);

const record = z.strictObject({
  project: z.string(),
  stack: z.string(),
  /** UTC, ISO 8601. */
  began: z.string(),
  ended: z.string().optional(),
  status: z.enum(["running", "failed", "ok"]),
  /** What it was at when this was written. */
  step: z.enum(["destroy", "up"]),
  /** Run of the rebuild that was cut off and that this one goes on from. */
  continues: z.string().optional(),
  /** By logical name. */
  before: machines,
  after: machines,
});

/** A machine with the host key that it was met with. */
export type RecordedMachine = z.infer<typeof machine>;
type Machines = z.infer<typeof machines>;

/** One rebuild. */
export type RebuildRecord = z.infer<typeof record>;

/** The last rebuild of a stack, if it did not succeed, and its run. */
export function interrupted({ project, stack }: StackPlace): { run: string; before: Machines } | undefined {
  const last = runsOf(project, stack).findLast((directory) => existsSync(join(directory, rebuildName)));
  if (last === undefined) return undefined;
  const { data } = record.safeParse(parsed(join(last, rebuildName)));
  return data && data.status !== "ok" ? { run: basename(last), before: data.before } : undefined;
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** One fact of one VM. */
export interface Change {
  vm: string;
  what: string;
  before: string;
  after: string;
}

const facts = { id: "id", name: "name", node: "node", address: "address", mac: "MAC", hostKey: "host key" } as const;

/** What became of every VM: its facts before and after, also those that stayed. */
export function changes(before: Machines, after: Machines): Change[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((vm) =>
    Object.entries(facts).map(([fact, what]) => {
      const name = fact as keyof typeof facts;
      return { vm, what, before: before[vm]?.[name] ?? "", after: after[vm]?.[name] ?? "" };
    }),
  );
}

/** The changes as a person reads them: each VM with what differs, or that nothing does. */
export function changeTable(all: readonly Change[]): string {
  const rows = [...new Set(all.map(({ vm }) => vm))].flatMap((vm) => {
    const own = all.filter((change) => change.vm === vm);
    const differing = own.filter(({ before, after }) => before !== after);
    const same = own.filter(({ before, after }) => before === after && before !== "").map(({ what }) => what);
    const lines = differing.map(({ what, before, after }) => ["", what, before || "none", after || "none"]);
    if (same.length > 0) lines.push(["", "as before", same.join(", "), ""]);
    return lines.map(([, ...cells], index) => [index === 0 ? vm : "", ...cells]);
  });
  const table = [["VM", "what", "before", "after"], ...rows];
  const widths = [0, 1].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  // What stayed is a list: it must not push the column behind it away.
  widths.push(Math.max(...table.map((row) => (row[3] === "" ? 0 : (row[2]?.length ?? 0)))));
  const line = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return `${table.map(line).join("\n")}\n`;
}
