/**
 * The table of `holdfast doctor`: what stands in it, how it breaks, and what its exit code says.
 */
import { expect, test } from "vitest";
import { checkTable, exitCode } from "../../../cli/check-table.ts";
import type { Check } from "../../../lib/preflight/check.ts";

const ok: Check = { what: "bridge br0 exists", status: "ok" };
const failed: Check = {
  what: "pool images is active",
  status: "failed",
  found: "it is stopped",
  fix: "virsh pool-start images",
};
const skipped: Check = { what: "the address is free", status: "skipped", found: "not known" };

test("every check has a line, what failed the command that mends it, and the sum is last", () => {
  expect(checkTable([ok, failed, skipped], { width: 80, colour: false })).toBe(`✓ ok       bridge br0 exists
✗ FAILED   pool images is active  it is stopped
           → virsh pool-start images
? unknown  the address is free    not known

1 ok, 1 failed, 1 unknown
`);
});

test("what only warns is shown with what mends it, and counted where there is any", () => {
  const warning: Check = { ...failed, status: "warning" };
  const table = checkTable([ok, warning], { width: 80, colour: false });
  expect(table).toContain("! warning  pool images is active  it is stopped\n           → virsh pool-start images");
  expect(table).toContain("1 ok, 0 failed, 1 warning, 0 unknown");
  expect(exitCode([ok, warning])).toBe(0);
});

test("long findings break between words below each other, commands stay whole", () => {
  const found = "one two three four five six seven eight nine ten eleven twelve";
  const fix = "a command that is much longer than the line that it stands on";
  const table = checkTable([{ ...failed, found, fix }], { width: 60, colour: false });
  const lines = table.split("\n");
  expect(lines.filter((line) => line.length > 60)).toEqual([`           → ${fix}`]);
  expect(table.replace(/\s+/g, " ")).toContain("one two three four");
  expect(lines[1]).toMatch(/^ {20,}\S/);
});

test("colour is there only where it is asked for", () => {
  expect(checkTable([failed], { width: 80, colour: true })).toContain("\u001b[31m");
  expect(checkTable([failed], { width: 80, colour: false })).not.toContain("\u001b[");
});

test.each([
  [[ok], 0],
  [[ok, failed, skipped], 1],
  [[ok, skipped], 2],
])("what failed counts before what is not known, and what is not known is not good", (checks, code) => {
  expect(exitCode(checks)).toBe(code);
});
