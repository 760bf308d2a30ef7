/**
 * `npm test`: every ring of tests, after making the tools that they need. The last line is `N passed, N failed, N skipped`.
 * `npm test -- unit engine` runs only these rings. Those that need nothing but Node.js run on a second one, too.
 * `npm test -- --changed` runs the static checks and those unit and component tests that reach a file which git says has changed.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { layers } from "../.dependency-cruiser.mjs";
import { missingPrerequisites } from "../lab/prerequisites.ts";
import { cacheDirectory } from "../lib/cache.ts";
import { Failure, runMain } from "../lib/failure.ts";
import { note, step } from "../lib/progress.ts";
import { secondNode } from "../toolchain/components/node.ts";
import { ensureToolchain } from "../toolchain/index.ts";
import { ensureMade } from "../toolchain/store.ts";
import { checkShell } from "./shell-files.ts";

const rings = ["static", "unit", "component", "engine", "lab"] as const;
type Ring = (typeof rings)[number];

/** Rings that run on a second Node.js: what they take is there on every machine. */
const twice: readonly Ring[] = ["unit", "component"];

/** Top folders whose imports are looked at: all with code but generated ones. */
const layered = [...Object.keys(layers), "cli", "lab", "stacks"];

const changedOption = "--changed";

/** What came of some tests. */
interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

await runMain(async () => {
  const changed = process.argv.includes(changedOption);
  const asked = process.argv.slice(2).filter((argument) => argument !== changedOption);
  if (changed && asked.length > 0) throw new Failure(`${changedOption} takes no rings`, `npm test -- ${changedOption}`);
  const unknown = asked.filter((name) => !rings.includes(name as Ring));
  if (unknown.length > 0) throw new Failure(`there is no ring ${unknown.join(", ")}`, `npm test -- ${rings.join(" ")}`);
  const wanted: Ring[] = changed ? ["static", ...twice] : asked.length > 0 ? (asked as Ring[]) : [...rings];
  const counts: Count[] = [];
  if (wanted.includes("static")) counts.push(await checkStatics());
  // Packages are installed by the lab itself; anything else that is missing skips its tests.
  const missing = wanted.includes("lab") ? missingPrerequisites().filter((what) => !what.startsWith("package ")) : [];
  if (missing.length > 0) process.stderr.write(`ring lab is skipped, this machine lacks: ${missing.join(", ")}\n`);
  if (wanted.includes("engine")) await ensureToolchain(["pulumi", "proxmoxve"]);
  if (wanted.includes("lab") && missing.length === 0)
    await ensureToolchain(["pulumi", "libvirt", "gitea", "proxmoxve"]);
  const projects = wanted.filter((name) => name !== "static");
  if (projects.length > 0)
    counts.push(await runVitest(projects, {}, changed ? ["--changed", "--passWithNoTests"] : []));
  const again = changed ? [] : projects.filter((name) => twice.includes(name));
  if (again.length > 0) counts.push(await runOnSecondNode(again));
  const total = (key: keyof Count) => counts.reduce((sum, count) => sum + count[key], 0);
  process.exitCode = total("failed") > 0 || total("passed") === 0 ? 1 : 0;
  if (changed) note("the engine and lab rings run whole programs, which any change may reach: npm test -- engine lab");
  process.stdout.write(`\n${total("passed")} passed, ${total("failed")} failed, ${total("skipped")} skipped\n`);
});

/**
 * What is checked without running anything: format and lint, types, who imports whom, files that are derived from others, and
 * shell scripts.
 */
async function checkStatics(): Promise<Count> {
  // What the compiler found out about sources that are still the same; one file for each checkout.
  const known = cacheDirectory(
    "typecheck",
    createHash("sha256")
      .update(import.meta.dirname)
      .digest("hex")
      .slice(0, 16),
  );
  const checks: [string, string[]][] = [
    ["format and lint", ["biome", "ci", "."]],
    ["types", ["tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", `${known}/tsbuildinfo`]],
    ["imports", ["depcruise", "--config", ".dependency-cruiser.mjs", ...layered]],
    ["derived files", ["tsx", "docs/write-derived.ts", "--check"]],
  ];
  const count: Count = { passed: 0, failed: 0, skipped: 0 };
  const check = async ([name, [command = "", ...args]]: [string, string[]]) => {
    const { exitCode, all } = await step(name, () =>
      execa(command, args, { reject: false, all: true, preferLocal: true }),
    );
    count[exitCode === 0 ? "passed" : "failed"] += 1;
    if (exitCode !== 0) process.stderr.write(`✗ ${name}\n${all}\n`);
  };
  await Promise.all([...checks.map(check), checkScripts(count)]);
  return count;
}

/** Shell scripts, on top of the count; skipped where their checker cannot be had. */
async function checkScripts(count: Count): Promise<void> {
  try {
    const wrong = await step("shell scripts", () => checkShell(join(import.meta.dirname, "..")));
    count[wrong ? "failed" : "passed"] += 1;
    if (wrong) process.stderr.write(`✗ shell scripts\n${wrong}\n`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    count.skipped += 1;
    process.stderr.write(`shell scripts: skipped, ${error.what}\n`);
  }
}

/** The same rings on another release line of Node.js; counted as one skipped where none can be had. */
async function runOnSecondNode(projects: Ring[]): Promise<Count> {
  const component = secondNode();
  const skipped = (why: string): Count => {
    process.stderr.write(`${projects.join(" and ")} on a second Node.js: skipped, ${why}\n`);
    return { passed: 0, failed: 0, skipped: 1 };
  };
  if (!component) return skipped(`none is pinned for ${process.platform}-${process.arch}`);
  try {
    const { directory } = await ensureMade(component);
    note(`${projects.join(" and ")} on Node.js ${component.version}, after ${process.versions.node}`);
    return await runVitest(projects, { PATH: [join(directory, "bin"), process.env.PATH].join(delimiter) });
  } catch (error) {
    if (error instanceof Failure) return skipped(error.what);
    throw error;
  }
}

async function runVitest(
  projects: Ring[],
  env: Record<string, string> = {},
  options: readonly string[] = [],
): Promise<Count> {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-test-"));
  const report = join(directory, "report.json");
  try {
    const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const chosen = projects.flatMap((name) => ["--project", name]);
    const { exitCode } = await execa("vitest", [...args, ...options, ...chosen], {
      reject: false,
      stdio: "inherit",
      preferLocal: true,
      env,
    });
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, "utf8"));
    // A file that could not be loaded has no tests to count, but has failed.
    const failed = exitCode === 0 ? numFailedTests : Math.max(numFailedTests, 1);
    return { passed: numPassedTests, failed, skipped: numPendingTests + numTodoTests };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
