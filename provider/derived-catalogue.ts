/**
 * The plugin's catalogue, derived: every kind and function that a module in a folder of provider/ exports.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = import.meta.dirname;

/** What a module exports for the catalogue. */
interface Found {
  name: string;
  /** From provider/, for example `ssh/host-key.ts`. */
  path: string;
  list: "kinds" | "functions";
}

/** Its text, by its absolute path. */
export async function catalogueFile(): Promise<Map<string, string>> {
  const found = (await Promise.all(modulePaths().map(foundIn))).flat();
  return new Map([[join(folder, "catalogue.ts"), catalogueText(found)]]);
}

function modulePaths(): string[] {
  const folders = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules",
  );
  const paths = folders.flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`));
  return paths.filter((path) => path.endsWith(".ts")).sort();
}

async function foundIn(path: string): Promise<Found[]> {
  const module = (await import(pathToFileURL(join(folder, path)).href)) as Record<string, unknown>;
  return Object.entries(module).flatMap(([name, value]): Found[] => {
    if (value === null || typeof value !== "object") return [];
    if ("type" in value && "create" in value) return [{ name, path, list: "kinds" }];
    return "token" in value && "invoke" in value ? [{ name, path, list: "functions" }] : [];
  });
}

function catalogueText(found: readonly Found[]): string {
  const imports = [
    ...found.map(({ name, path }) => ({ path: `./${path}`, text: `import { ${name} } from "./${path}";` })),
    { path: "./package.json", text: `import manifest from "./package.json" with { type: "json" };` },
    { path: "./server.ts", text: `import type { Catalogue } from "./server.ts";` },
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  const names = (list: Found["list"]) =>
    found
      .filter((one) => one.list === list)
      .map(({ name }) => `    ${name},\n`)
      .join("");
  return `/**
 * What the plugin offers: the resource kinds and functions that no published provider has. Written by \`npm run derived\` from
 * what the modules in the folders beside it export: a bundle has no folder to look into.
 */
${imports.map(({ text }) => text).join("\n")}

export const catalogue: Catalogue = {
  version: manifest.version,
  // biome-ignore format: one line each.
  kinds: [
${names("kinds")}  ],
  // biome-ignore format: one line each.
  functions: [
${names("functions")}  ],
};
`;
}
