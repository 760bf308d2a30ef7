/**
 * What is derived from the projects' configuration: `stacks/schemas/<project>.json` for editors, and the table of keys in each
 * project's README.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { blueprintSchema } from "../cli/blueprint/spec.ts";
import { shapes } from "../cli/shapes.ts";
import { keyTable, stackFileSchema } from "../lib/config/describe.ts";
import { withPart } from "../lib/derived.ts";

const top = join(import.meta.dirname, "..");

/** Their texts, by absolute path. */
export function schemaFiles(): Map<string, string> {
  const wanted = new Map<string, string>();
  for (const [project, shape] of Object.entries(shapes)) {
    const schema = `${JSON.stringify(stackFileSchema(project, shape), null, 2)}\n`;
    wanted.set(join(top, "stacks", "schemas", `${project}.json`), schema);
    const readme = join(top, project, "README.md");
    wanted.set(readme, withPart(readFileSync(readme, "utf8"), "keys", keyTable(shape)));
  }
  wanted.set(join(top, "stacks", "schemas", "blueprint.json"), `${JSON.stringify(blueprintSchema(), null, 2)}\n`);
  return wanted;
}
