/**
 * The programs of a real NetBox: the Python of the hosts' Debian, NetBox's published package in an environment of its own in
 * the cache, PostgreSQL and Redis from the machine's packages. What a machine lacks is said in one line each.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDirectory } from "../../lib/cache.ts";
import { Failure } from "../../lib/failure.ts";
import { withLock } from "../../lib/lock.ts";
import { step } from "../../lib/progress.ts";
import { findOnPath } from "../../toolchain/search-path.ts";
import { ensureHostImage } from "../images/images.ts";
import { ensureTools, installPackages, missingPrerequisites } from "../prerequisites.ts";

/** Version of the package that requirements.txt pins. */
export const netboxVersion = "4.7.3";

/** Every package with its exact version. */
const requirements = join(import.meta.dirname, "requirements.txt");

/** Debian packages by a file that shows that they are there. */
const packages: Record<string, () => string | undefined> = {
  "redis-server": () => findOnPath("redis-server", searchPath),
  postgresql: () => postgresDirectory(),
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
export function missingForNetbox(): string[] {
  const absent = [...missingPrerequisites(), ...absentPackages().map((name) => `package ${name}`)];
  const canInstall = process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
  return absent.filter((what) => !(canInstall && what.startsWith("package ")));
}

/** Finds or installs all of it: about 2 min the first time, nothing afterwards. @throws Failure where it cannot be had. */
export async function ensureNetboxSoftware(): Promise<NetboxSoftware> {
  await ensureTools();
  const absent = absentPackages();
  if (absent.length > 0 && !existsSync("/usr/bin/apt-get"))
    throw new Failure(
      "NetBox cannot run here: PostgreSQL or Redis is missing.",
      `install Debian's ${absent.join(" ")}`,
    );
  if (absent.length > 0) await installPackages(absent);
  return {
    environment: await ensureEnvironment(await ensureHostImage()),
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

/** The environment for these requirements and this system's Python; made in its place and then marked as whole. */
async function ensureEnvironment(system: string): Promise<string> {
  const recipe = createHash("sha256")
    .update(system)
    .update(readFileSync(requirements))
    .update(interpreter(system))
    .digest("hex")
    .slice(0, 16);
  const directory = cacheDirectory("netbox", `${netboxVersion}-${recipe}`);
  const whole = join(directory, ".whole");
  if (existsSync(whole)) return directory;
  await withLock(cacheDirectory("netbox"), async () => {
    if (existsSync(whole)) return;
    await step(`Installing NetBox ${netboxVersion}`, () => install(system, directory), "1 to 2 min");
    writeFileSync(whole, "");
  });
  return directory;
}

/**
 * Debian 13's Python, which is new enough for NetBox, and built with all optimisation (twice as fast as many a self-made one),
 * called with the loader and the libraries of the system that it is from. It takes its own path from `--argv0`, and so
 * finds the environment that this file is in.
 */
function interpreter(system: string): string {
  return `#!/bin/sh
exec '${system}/usr/lib64/ld-linux-x86-64.so.2' --argv0 "$0" --library-path '${system}/usr/lib/x86_64-linux-gnu' '${system}/usr/bin/python3' "$@"
`;
}

/** A virtual environment consists of these two files and what pip puts there; the system has no module to make one. */
async function install(system: string, directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(join(directory, "bin"), { recursive: true });
  const python = join(directory, "bin", "python3");
  writeFileSync(python, interpreter(system), { mode: 0o755 });
  writeFileSync(join(directory, "pyvenv.cfg"), `home = ${system}/usr/bin\ninclude-system-site-packages = false\n`);
  const wheels = join(system, "usr/share/python-wheels");
  const pip = join(wheels, readdirSync(wheels).find((name) => name.startsWith("pip-")) ?? "pip", "pip");
  const options = ["install", "--quiet", "--no-input", "--no-deps", "-r", requirements];
  const { exitCode, stderr } = await execa(python, [pip, ...options], {
    reject: false,
    stdin: "ignore",
    timeout: 900_000,
  });
  if (exitCode === 0) return;
  const last = stderr.trim().split("\n").slice(-3).join(" | ");
  throw new Failure(`NetBox ${netboxVersion} could not be installed: ${last}`, "run the same command again");
}
