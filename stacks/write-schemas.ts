/**
 * Writes what is derived from the projects' configuration schemas: `stacks/schemas/<project>.json` for editors and the
 * table of keys in each project's README. With `--check` it writes nothing and fails when something is stale.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blueprintSchema } from "../cli/blueprint/spec.ts";
import { shapes } from "../cli/shapes.ts";
import { keyTable, stackFileSchema } from "../lib/config/describe.ts";
import { Failure, runMain } from "../lib/failure.ts";

const top = join(import.meta.dirname, "..");
const marks = ["<!-- keys: written by npm run schemas -->", "<!-- /keys -->"] as const;

await runMain(async () => {
  const wanted = new Map<string, string>();
  for (const [project, shape] of Object.entries(shapes)) {
    const schema = `${JSON.stringify(stackFileSchema(project, shape), null, 2)}\n`;
    wanted.set(join(top, "stacks", "schemas", `${project}.json`), schema);
    const readme = join(top, project, "README.md");
    wanted.set(readme, withTable(readme, keyTable(shape)));
  }
  wanted.set(join(top, "stacks", "schemas", "blueprint.json"), `${JSON.stringify(blueprintSchema(), null, 2)}\n`);
  const stale = [...wanted].filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text);
  if (process.argv.includes("--check")) {
    const names = stale.map(([path]) => path.slice(top.length + 1)).join(", ");
    if (stale.length > 0) throw new Failure(`stale: ${names}`, "npm run schemas");
    return;
  }
  for (const [path, text] of stale) writeFileSync(path, text);
});

function withTable(path: string, table: string): string {
  const [before, rest] = readFileSync(path, "utf8").split(marks[0]);
  const after = rest?.split(marks[1])[1];
  if (before === undefined || after === undefined) throw new Failure(`${path} lacks the marks ${marks.join(" and ")}`);
  return `${before}${marks[0]}\n${table}\n${marks[1]}${after}`;
}
