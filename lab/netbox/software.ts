/**
 * The programs of a real NetBox: a Python that is new enough, NetBox's published package in an environment of its own in the
 * cache, PostgreSQL and Redis from the machine's packages. What a machine lacks is said in one line each.
 */

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDirectory } from "../../toolchain/cache.ts";
import { Failure } from "../../toolchain/failure.ts";
import { withLock } from "../../toolchain/lock.ts";
import { step } from "../../toolchain/progress.ts";
import { findOnPath } from "../../toolchain/search-path.ts";
import { installPackages } from "../prerequisites.ts";

/** Version of the package that requirements.txt pins. */
export const netboxVersion = "4.7.3";

/** Every package with its exact version. */
const requirements = join(import.meta.dirname, "requirements.txt");

/** Debian packages by a file that shows that they are there. */
const packages: Record<string, () => string | undefined> = {
  "redis-server": () => findOnPath("redis-server", searchPath),
  postgresql: () => postgresDirectory(),
  "libpq-dev": () => findOnPath("pg_config", searchPath),
  gcc: () => findOnPath("gcc", searchPath),
  "xz-utils": () => findOnPath("xz", searchPath),
};

const searchPath = `${process.env.PATH ?? ""}:/usr/bin:/usr/sbin`;

/** Where the programs are. All absolute. */
export interface NetboxSoftware {
  /** Root of the Python environment: `bin/netbox`, `bin/gunicorn`. */
  environment: string;
  /** Directory with `postgres`, `initdb` and `psql`. */
  postgres: string;
  redisServer: string;
}

/**
 * What no package manager can mend here, each as a phrase for a person; empty when NetBox can run, at most after an
 * installation. Quick, and changes nothing.
 */
export async function missingForNetbox(): Promise<string[]> {
  const missing: string[] = [];
  if (process.platform !== "linux") missing.push("Linux");
  if (!(await python())) missing.push("Python 3.12 or newer");
  const absent = absentPackages();
  const canInstall = process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
  if (absent.length > 0 && !canInstall) missing.push(...absent.map((name) => `package ${name}`));
  return missing;
}

/** Finds or installs all of it: about 90 s the first time, nothing afterwards. @throws Failure where it cannot be had. */
export async function ensureNetboxSoftware(): Promise<NetboxSoftware> {
  const missing = await missingForNetbox();
  if (missing.length > 0) throw new Failure(`NetBox cannot run here. Missing: ${missing.join(", ")}.`, "install it");
  const absent = absentPackages();
  if (absent.length > 0) await installPackages(absent);
  const environment = await ensureEnvironment((await python()) ?? "");
  return {
    environment,
    postgres: postgresDirectory() ?? "",
    redisServer: findOnPath("redis-server", searchPath) ?? "",
  };
}

function absentPackages(): string[] {
  return Object.entries(packages).flatMap(([name, found]) => (found() ? [] : [name]));
}

/** Debian keeps the server's programs out of the search path. The newest one that NetBox can use. */
function postgresDirectory(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).map(Number) : [];
  const newest = versions.filter((version) => version >= 14).sort((a, b) => b - a);
  const found = newest.map((version) => join(root, String(version), "bin"));
  return found.find((directory) => existsSync(join(directory, "initdb")));
}

/** The first Python that NetBox's package takes; `undefined` without one. */
async function python(): Promise<string | undefined> {
  for (const candidate of candidates()) {
    const { exitCode } = await execa(candidate, ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 12))"], {
      reject: false,
    });
    if (exitCode === 0) return candidate;
  }
  return undefined;
}

function candidates(): string[] {
  const named = ["python3.13", "python3.12", "python3"].flatMap((name) => findOnPath(name) ?? []);
  const versions = join(process.env.PYENV_ROOT ?? join(homedir(), ".pyenv"), "versions");
  const byPyenv = existsSync(versions) ? readdirSync(versions).filter((name) => /^3\.1[23]\./.test(name)) : [];
  // A shim of pyenv is found on the search path, too, and ends at once where no such version is chosen.
  return [...named, ...byPyenv.sort().map((name) => join(versions, name, "bin", "python3"))];
}

/** The environment for these requirements and this Python; made beside its place and then marked as whole. */
async function ensureEnvironment(interpreter: string): Promise<string> {
  const recipe = createHash("sha256").update(interpreter).update(readFileSync(requirements)).digest("hex").slice(0, 16);
  const directory = cacheDirectory("netbox", `${netboxVersion}-${recipe}`);
  const whole = join(directory, ".whole");
  if (existsSync(whole)) return directory;
  await withLock(cacheDirectory("netbox"), async () => {
    if (existsSync(whole)) return;
    await step(`Installing NetBox ${netboxVersion}`, () => install(interpreter, directory), "1 to 2 min");
    writeFileSync(whole, "");
  });
  return directory;
}

async function install(interpreter: string, directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  const pip = [join(directory, "bin", "pip"), "install", "--quiet", "--no-input", "--no-deps", "-r", requirements];
  for (const [command = "", ...args] of [[interpreter, "-m", "venv", directory], pip]) {
    const { exitCode, stderr } = await execa(command, args, { reject: false, stdin: "ignore", timeout: 900_000 });
    if (exitCode === 0) continue;
    const last = stderr.trim().split("\n").slice(-3).join(" | ");
    throw new Failure(`NetBox ${netboxVersion} could not be installed: ${last}`, "run the same command again");
  }
}
