/**
 * Files, and parts of files, that are derived from others and kept in the repository all the same: for editors, and for people
 * who read. A check keeps them fresh.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { Failure } from "./failure.ts";

/** What writes all of them. */
const command = "npm run derived";

/**
 * A document with another part between its marks, `<!-- <name>: written by npm run derived -->` and `<!-- /<name> -->`.
 * @throws Failure where it lacks them.
 */
export function withPart(text: string, name: string, part: string): string {
  const marks = [`<!-- ${name}: written by ${command} -->`, `<!-- /${name} -->`] as const;
  const [before, rest] = text.split(marks[0]);
  const after = rest?.split(marks[1])[1];
  if (before === undefined || after === undefined)
    throw new Failure(`a document lacks the marks ${marks.join(" and ")}`);
  return `${before}${marks[0]}\n${part}\n${marks[1]}${after}`;
}

/**
 * Writes what differs; with `--check` among this process's arguments it writes nothing.
 * @param wanted texts by absolute path.
 * @throws Failure that names every stale file, with `--check`.
 */
export function writeDerived(wanted: ReadonlyMap<string, string>): void {
  const stale = [...wanted].filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text);
  if (!process.argv.includes("--check")) {
    for (const [path, text] of stale) writeFileSync(path, text);
  } else if (stale.length > 0) {
    const names = stale.map(([path]) => relative(process.cwd(), path)).join(", ");
    throw new Failure(`stale: ${names}`, command);
  }
}
