/**
 * What is derived from the commands in commands/: the list of them that the command line and its bundle read, and docs/cli.md.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command, Commands } from "./command-line/declaration.ts";
import { reference } from "./command-line/help.ts";

const folder = join(import.meta.dirname, "commands");
const list = join(folder, "index.ts");
const manual = join(import.meta.dirname, "../docs/cli.md");

/** Their texts, by absolute path. */
export async function commandFiles(): Promise<Map<string, string>> {
  const paths = commandPaths();
  return new Map([
    [list, listText(paths)],
    [manual, reference(await declared(paths))],
  ]);
}

/** Files of commands below commands/, without `.ts`. */
function commandPaths(): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts") && path !== "index.ts")
    .map((path) => path.slice(0, -".ts".length))
    .sort();
}

function listText(paths: readonly string[]): string {
  const name = (path: string) => path.replaceAll(/[/-](\w)/g, (_, letter: string) => letter.toUpperCase());
  return `/**
 * Every command, by its words. Written by \`npm run derived\` from the files beside it: a release has no folder to look into.
 */
import type { Commands } from "../command-line/declaration.ts";
${paths.map((path) => `import ${name(path)} from "./${path}.ts";\n`).join("")}
export const commands: Commands = {
${paths.map((path) => `  "${path.replaceAll("/", " ")}": ${name(path)},\n`).join("")}};
`;
}

async function declared(paths: readonly string[]): Promise<Commands> {
  const modules = paths.map(async (path) => {
    const { default: command } = (await import(pathToFileURL(join(folder, `${path}.ts`)).href)) as { default: Command };
    return [path.replaceAll("/", " "), command] as const;
  });
  return Object.fromEntries(await Promise.all(modules));
}
