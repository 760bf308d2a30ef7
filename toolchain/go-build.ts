/**
 * The last way: built from Go modules, at the versions and checksums of `toolchain/go/<source>/go.mod` and `go.sum`.
 * Go's own caches make an interrupted or repeated build cheap.
 */
import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "../lib/failure.ts";
import { run } from "../lib/run.ts";
import { type Patch, patchFile } from "./patch.ts";
import { findOnPath } from "./search-path.ts";

/** One `go build`. It is data, so that it is part of a pin's digest. */
export interface GoBuild {
  /** Folder below `toolchain/go` with the go.mod that pins it. */
  readonly source: string;
  /** What to build. */
  readonly package: string;
  /** Extra linker flags; `-s -w` is always given. */
  readonly ldflags?: string;
  /** Build tags, separated by spaces. */
  readonly tags?: string;
  /** Needs a C compiler; default: Go uses one if it is there. */
  readonly cgo?: boolean;
}

/** A module that is adapted before it is built. It is data, so that it is part of a pin's digest. */
export interface AdaptedModule {
  readonly module: string;
  /** By the file's path in the module. */
  readonly files: Readonly<Record<string, readonly Patch[]>>;
}

/** Absolute path of a folder below `toolchain/go`. */
export function sourceDirectory(source: string): string {
  return fileURLToPath(new URL(`go/${source}`, import.meta.url));
}

/** The files of a source that decide what is built; for a component's `sources`. */
export function sourceFiles(source: string): string[] {
  return ["go.mod", "go.sum"].map((name) => join(sourceDirectory(source), name));
}

/**
 * Builds one executable.
 * @param output absolute path of the executable.
 * @param directory where the go.mod is; default: the source's folder.
 * @throws Failure when Go (or, with `cgo`, a C compiler) is missing or the build fails.
 */
export async function goBuild(
  build: GoBuild,
  output: string,
  directory = sourceDirectory(build.source),
): Promise<void> {
  if (build.cgo) requireCompiler();
  mkdirSync(dirname(output), { recursive: true });
  const flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", `-s -w ${build.ldflags ?? ""}`.trim()];
  if (build.tags) flags.push("-tags", build.tags);
  await go(["build", ...flags, "-o", output, build.package], directory, build.cgo ? { CGO_ENABLED: "1" } : {});
}

/** Builds with copies of modules that are adapted; Go's `-overlay` refuses files of the module cache. */
export async function goBuildAdapted(build: GoBuild, output: string, modules: readonly AdaptedModule[]): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), `holdfast-${build.source}-`));
  try {
    const source = sourceDirectory(build.source);
    for (const file of ["go.mod", "go.sum", "tools.go"]) copyFileSync(join(source, file), join(scratch, file));
    for (const [index, { module, files }] of modules.entries()) {
      const copy = `./${index}-${basename(module)}`;
      await copyWritable(await moduleDirectory(build.source, module), join(scratch, copy));
      // A module from before modules has none, which Go minds in a directory alone.
      if (!existsSync(join(scratch, copy, "go.mod")))
        writeFileSync(join(scratch, copy, "go.mod"), `module ${module}\n`);
      for (const [file, patches] of Object.entries(files)) patchFile(module, join(scratch, copy, file), patches);
      appendFileSync(join(scratch, "go.mod"), `\nreplace ${module} => ${copy}\n`);
    }
    await goBuild(build, output, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Unpacks a module into Go's module cache, verified against the source's go.sum, and returns where it is (read-only).
 * @throws Failure when it is not to be had.
 */
export async function moduleDirectory(source: string, module: string): Promise<string> {
  const text = await go(["mod", "download", "-json", module], sourceDirectory(source));
  return (JSON.parse(text) as { Dir: string }).Dir;
}

/** Copies a directory out of Go's read-only module cache, writable. `cp` and `chmod` do it fastest. */
export async function copyWritable(from: string, to: string): Promise<void> {
  mkdirSync(dirname(to), { recursive: true });
  await run("cp", ["-R", from, to]);
  await run("chmod", ["-R", "u+w", to]);
}

function go(args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  if (!findOnPath("go")) {
    throw new Failure(
      "Go is not installed, and there is no other way left to get the toolchain here",
      "install Go 1.26 or later (go.dev/dl), or give this machine internet access, and run it again",
    );
  }
  const next = "read the lines above; when a module could not be fetched, check GOPROXY. What was compiled is kept";
  return run("go", args, { cwd, next, env: { GOFLAGS: "", GOWORK: "off", ...env } });
}

function requireCompiler(): void {
  const compiler = process.env.CC?.split(" ")[0] ?? "gcc";
  if (existsSync(compiler) || findOnPath(compiler)) return;
  throw new Failure(`building this needs a C compiler (${compiler}), which is not installed`, "install gcc, or set CC");
}
