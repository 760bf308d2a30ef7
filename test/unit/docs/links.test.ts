/**
 * Documents name files that are there: every relative link, and every path in code style with an ending that begins with a
 * folder of ours.
 *
 * Not proven here: that commands in documents work.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const top = join(import.meta.dirname, "../../..");
const unread = new Set(["node_modules", "sdks", ".git", ".bundle"]);

function documentsIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (unread.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return documentsIn(path);
    return entry.name.endsWith(".md") ? [relative(top, path)] : [];
  });
}

const folders = readdirSync(top, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !unread.has(entry.name))
  .map(({ name }) => name);

/** What a document names that is not there. */
function missingIn(document: string, text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, path = ""]) =>
    join(dirname(document), path),
  );
  const paths = [...text.matchAll(/`([\w.-]+\/[\w./@-]+)`/g)]
    .map(([, path = ""]) => path)
    .filter((path) => /(\.[a-z]+|\/)$/.test(path) && folders.includes(path.split("/")[0] ?? "") && !isMade(path));
  return [...links, ...paths].filter((path) => !existsSync(join(top, path)));
}

/** What commands make: stack files, and what a lab leaves. */
function isMade(path: string): boolean {
  return /^stacks\/[^/]+\/Pulumi\.[^/]*$/.test(path) || /^lab\/[^/]+\.json$/.test(path);
}

test.each(documentsIn(top))("%s names what is there", (document) => {
  expect(missingIn(document, readFileSync(join(top, document), "utf8"))).toEqual([]);
});

test("a link and a path that lead nowhere are found", () => {
  expect(
    missingIn("docs/ci.md", "[a](nowhere.md#part) and `lib/nowhere.ts`, not [b](lab.md), `lib/failure.ts`"),
  ).toEqual(["docs/nowhere.md", "lib/nowhere.ts"]);
});
