/**
 * Files of the lab ring run beside each other: each has a site of its own, or one takes another's away.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

test("no two files of the lab ring have a site of one name", () => {
  const folder = join(import.meta.dirname, "../../lab");
  const files = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
  const names = files.flatMap((file) => [
    ...new Set([...readFileSync(join(folder, file), "utf8").matchAll(/"(t-[a-z-]+)"/g)].map(([, name]) => name)),
  ]);
  expect(names.length).toBeGreaterThanOrEqual(files.length - 1);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
