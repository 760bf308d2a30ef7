/**
 * Makes one program and what it imports into a few files: reading two hundred modules through tsx takes a second of each
 * command, reading these a tenth. Packages that other copies of themselves talk to, or that have native code, stay outside;
 * what is imported only when it is needed stays a file of its own.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { build, type Metafile } from "esbuild";
import { requireBanner } from "./banner.js";
import { places } from "./places.ts";
import { bundleFolder, digestOf, recordName } from "./start.js";

/**
 * Bundles a program's entry into `.bundle` below its folder, whole or not at all: files are named by their content, and
 * what leads to them is replaced last.
 * @param directory the program's folder, absolute.
 * @param entry its first module, a name in the folder.
 * @param into where the files are written, to be taken to `.bundle` then.
 * @returns path of the bundle's entry.
 * @throws esbuild's errors: a source that cannot be read as TypeScript, an import that leads nowhere.
 */
export async function bundleProgram(
  directory: string,
  entry = "index.ts",
  into = join(directory, bundleFolder),
): Promise<string> {
  const folder = join(directory, bundleFolder);
  const { outputFiles, metafile } = await build({
    entryPoints: [join(directory, entry)],
    absWorkingDir: directory,
    outdir: folder,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["@pulumi/*", "esbuild", "ssh2"],
    plugins: [places(folder)],
    banner: { js: requireBanner },
    logLevel: "silent",
  });
  mkdirSync(into, { recursive: true });
  for (const { path, contents } of outputFiles) replace(join(into, basename(path)), contents);
  const first = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entry)?.[0];
  if (first === undefined) throw new Error(`${directory} has no ${entry}`);
  const sources = sourcesOf(directory, metafile);
  const record = { entry: basename(first), sources, digest: digestOf(directory, sources) };
  replace(join(into, recordName), `${JSON.stringify(record)}\n`);
  sweep(into, new Set([recordName, ...outputFiles.map(({ path }) => basename(path))]));
  return join(into, basename(first));
}

/**
 * Own files as they are, a package by its package.json: its files do not change without it. Paths from the folder; packages
 * as those beside it, wherever a link led to them: a copy has its own.
 */
function sourcesOf(directory: string, { inputs }: Metafile): string[] {
  const own = relative(directory, import.meta.filename);
  const files = Object.keys(inputs).map((path) => {
    const [, above = "", name] = /^(.*?)(node_modules\/.*?)?$/.exec(path) ?? [];
    const [packageFolder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(name ?? "") ?? [];
    if (packageFolder === undefined) return path;
    const manifest = `${packageFolder}/package.json`;
    return existsSync(join(directory, "..", manifest)) ? `../${manifest}` : `${above}${manifest}`;
  });
  return [...new Set([...files, own.split(sep).join("/")])].sort();
}

/** Removes what earlier bundles left, but nothing that a program which still runs may be about to import. */
function sweep(folder: string, current: ReadonlySet<string>): void {
  const dayAgo = Date.now() - 24 * 3600 * 1000;
  for (const path of readdirSync(folder)
    .filter((name) => !current.has(name))
    .map((name) => join(folder, name)))
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? dayAgo) < dayAgo) rmSync(path, { force: true });
}

function replace(path: string, content: string | Uint8Array): void {
  const half = `${path}.${process.pid}`;
  writeFileSync(half, content);
  renameSync(half, path);
}
