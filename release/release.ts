/**
 * A release of a checkout: one file with its programs, their packages, Node.js and the pinned tools, so that the machine that
 * gets it needs no internet. Built once for each content, and kept in the cache under its digest.
 */
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { build } from "esbuild";
import { cacheDirectory } from "../lib/cache.ts";
import { pinnedPath } from "../lib/download.ts";
import { Failure } from "../lib/failure.ts";
import { withLock } from "../lib/lock.ts";
import { bundleProgram } from "../lib/program/bundle.ts";
import { bundleFolder } from "../lib/program/start.js";
import { type ReleaseEntry, releaseSuffix, releaseTime } from "../lib/release/format.ts";
import type { ReleaseTool } from "../lib/release/tools.ts";
import { bundleOptions } from "../provider/bundle-options.ts";
import { ensureToolchain, pluginsOf, type Toolchain } from "../toolchain/index.ts";
import { recordName } from "../toolchain/store.ts";
import { packRelease } from "./archive.ts";
import { filesBelow, installedPackages, packageEntries, programFolders, sourceEntries } from "./checkout.ts";
import { launcherEntries, places } from "./launchers.ts";

/** A built release. */
export interface Release {
  /** Of the archive: 64 hexadecimal digits. */
  sha256: string;
  /** In bytes. */
  size: number;
  /** The archive in this workstation's cache. */
  file: string;
  /** Whether it was built just now. */
  built: boolean;
}

/** Counts when the layout changes although nothing that goes in does. */
const layoutVersion = 3;

/** How many built releases the cache keeps; each is a hundred megabytes and more. */
const keptReleases = 3;

/**
 * The release of a checkout, built unless the cache has it.
 * @param tools plugins beside the engine, which every release has.
 * @param building told before it is built, which takes half a minute.
 * @throws Failure where packages are missing, or a tool is not to be had.
 */
export async function ensureRelease(
  checkout: string,
  tools: readonly ReleaseTool[],
  building: () => void = () => {},
): Promise<Release> {
  refuseOtherPins(checkout);
  const toolchain = await ensureToolchain(["pulumi", ...tools]);
  const home = cacheDirectory("releases");
  const record = join(home, `${contentKey(checkout, toolchain)}.json`);
  return (
    builtRelease(record) ??
    (await withLock(home, async () => {
      const meanwhile = builtRelease(record);
      if (meanwhile) return meanwhile;
      building();
      const release = await buildRelease(checkout, toolchain);
      await writeFile(record, `${JSON.stringify({ sha256: release.sha256, size: release.size })}\n`);
      sweep(home, record);
      return release;
    }))
  );
}

/** Another checkout's programs with this one's tools would not find them: the digests of its pins are in its code. */
function refuseOtherPins(checkout: string): void {
  const pins = (root: string) => readFileSync(join(root, "toolchain", "pins.ts"), "utf8");
  const own = join(import.meta.dirname, "..");
  if (!existsSync(join(checkout, "toolchain", "pins.ts")))
    throw new Failure(`${checkout} is no checkout of holdfast`, "give the path of its top folder");
  if (pins(checkout) !== pins(own))
    throw new Failure(
      `${checkout} pins other tools than this checkout`,
      "npx holdfast release build, there, and give the archive as runner_release_archive_url",
    );
}

function builtRelease(record: string): Release | undefined {
  if (!existsSync(record)) return undefined;
  const { sha256, size } = JSON.parse(readFileSync(record, "utf8")) as Pick<Release, "sha256" | "size">;
  const file = pinnedPath({ url: "", sha256 }, releaseSuffix);
  return statSync(file, { throwIfNoEntry: false })?.size === size ? { sha256, size, file, built: false } : undefined;
}

/** Digest of everything that decides the content; reads the sources and looks at the rest. */
function contentKey(checkout: string, toolchain: Toolchain): string {
  const hash = createHash("sha256");
  const tools = toolchain.made.map(({ made }) => [basename(made.directory), made.way]);
  const node = statSync(process.execPath);
  hash.update(JSON.stringify([layoutVersion, process.version, node.size, tools, installedPackages(checkout)]));
  for (const entry of sourceEntries(checkout, "").sort((a, b) => (a.path < b.path ? -1 : 1)))
    if ("from" in entry) hash.update(`\n${entry.path} ${entry.executable}\n`).update(readFileSync(entry.from));
  return hash.digest("hex");
}

async function buildRelease(checkout: string, toolchain: Toolchain): Promise<Release> {
  const work = join(cacheDirectory("releases"), `making-${randomUUID()}`);
  mkdirSync(work, { mode: 0o700 });
  try {
    const entries = [
      ...sourceEntries(checkout, places.checkout),
      ...packageEntries(checkout, places.checkout),
      await bundledPlugin(checkout, work),
      ...(await bundledPrograms(checkout, work)),
      { path: places.node, from: realpathSync(process.execPath), executable: true },
      ...toolchainEntries(toolchain),
    ];
    const archive = join(work, "release");
    const { sha256, size } = await packRelease(entries, archive);
    const file = pinnedPath({ url: "", sha256 }, releaseSuffix);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    renameSync(archive, file);
    return { sha256, size, file, built: true };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The plugin in one file, as provider/pulumi-resource-holdfast would make it: who runs a release cannot write to it. */
async function bundledPlugin(checkout: string, work: string): Promise<ReleaseEntry> {
  const from = join(work, "main.mjs");
  const options = bundleOptions(join(checkout, "provider", ".bundle"));
  await build({ ...options, absWorkingDir: checkout, entryPoints: ["provider/main.ts"], outfile: from });
  return { path: `${places.checkout}/provider/.bundle/main.mjs`, from, executable: false };
}

/** The programs and the command as lib/program/start.js would make them. */
async function bundledPrograms(checkout: string, work: string): Promise<ReleaseEntry[]> {
  const entries = [...programFolders(checkout), "cli"].map(async (project) => {
    const into = join(work, project);
    await bundleProgram(join(checkout, project), project === "cli" ? "main.ts" : "index.ts", into);
    const path = (from: string) => `${places.checkout}/${project}/${bundleFolder}/${basename(from)}`;
    return filesBelow(into).map((from) => ({ path: path(from), from, executable: false }));
  });
  return (await Promise.all(entries)).flat();
}

/** The components as they lie in the cache, their records with the times that their files have here, and the plugins. */
function toolchainEntries(toolchain: Toolchain): ReleaseEntry[] {
  const place = (name: string, directory: string) => `${name}/${basename(directory)}`;
  const entries = toolchain.made.flatMap(({ name, made }): ReleaseEntry[] => {
    const files = filesBelow(made.directory).filter((from) => relative(made.directory, from) !== recordName);
    const into = `${places.toolchain}/${place(name, made.directory)}`;
    const record = JSON.parse(readFileSync(join(made.directory, recordName), "utf8")) as { files: { path: string }[] };
    const stamped = record.files.map(({ path }) => ({
      path,
      size: statSync(join(made.directory, path)).size,
      modified: releaseTime.getTime(),
    }));
    // How long it took, and where it was found, is of this workstation.
    const text = `${JSON.stringify({ way: "part of a release", detail: "", seconds: 0, files: stamped }, null, 2)}\n`;
    return [
      ...files.map((from) => {
        const path = `${into}/${relative(made.directory, from).split(sep).join("/")}`;
        return { path, from, executable: (statSync(from).mode & 0o100) !== 0 };
      }),
      { path: `${into}/${recordName}`, text, executable: false },
    ];
  });
  const links = pluginsOf(toolchain).map(
    ({ name, directory, executable, home }): ReleaseEntry => ({
      path: `${places.plugins}/${home}/${executable}`,
      linkTo: `../../${places.toolchain}/${place(name, directory)}/${executable}`,
    }),
  );
  const engine = toolchain.made.find(({ name }) => name === "pulumi");
  if (!engine) throw new Failure("a release without its engine is none", "ensureToolchain");
  return [...entries, ...links, ...launcherEntries(place(engine.name, engine.made.directory))];
}

/** Removes what an interrupted build left, and all built releases but the newest few. The caller holds the lock. */
function sweep(home: string, newest: string): void {
  const names = readdirSync(home);
  for (const name of names.filter((name) => name.startsWith("making-")))
    rmSync(join(home, name), { recursive: true, force: true });
  const records = names.filter((name) => name.endsWith(".json")).map((name) => join(home, name));
  const byAge = records.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const kept = new Set([newest, ...byAge.slice(0, keptReleases)]);
  const digestIn = (record: string) => builtRelease(record)?.file;
  const keptFiles = new Set([...kept].map(digestIn));
  for (const record of byAge.filter((record) => !kept.has(record))) {
    const file = digestIn(record);
    if (file && !keptFiles.has(file)) rmSync(file, { force: true });
    rmSync(record, { force: true });
  }
}
