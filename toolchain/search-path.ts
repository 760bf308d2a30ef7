/**
 * The first way: a pinned version that is installed already. Anything but exactly that version is named and left alone.
 */
import { accessSync, constants, mkdirSync, readdirSync, realpathSync, statSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { cacheDirectory } from "../lib/cache.ts";
import { run } from "../lib/run.ts";
import type { Way } from "./component.ts";

/** What to look for. */
export interface Installed {
  /** Name of the executable. */
  command: string;
  /** Arguments that make it print its version. */
  versionArguments: string[];
  /** Exact version that is wanted, without a leading `v`. */
  version: string;
  /** Executables that must lie beside it, and are used with it. */
  companions?: string[];
  /** Where the links to it go, relative to the component; default `bin`. */
  into?: string;
  /** Looks at the output for another reason not to use it. */
  objection?(output: string): string | undefined;
}

/** First executable of that name on PATH that is not our own, or nothing. */
export function findOnPath(command: string, searchPath = process.env.PATH ?? ""): string | undefined {
  const own = realpathSync(cacheDirectory("toolchain")) + sep;
  for (const directory of searchPath.split(delimiter).filter(Boolean)) {
    const candidate = join(directory, command);
    if (isExecutable(candidate) && !realpathSync(candidate).startsWith(own)) return candidate;
  }
  return undefined;
}

/** The way `found on PATH`: links to an installed version; a later change of the files behind them is noticed. */
export function foundOnPath(wanted: Installed): Way {
  return {
    name: "found on PATH",
    async make(directory) {
      const found = findOnPath(wanted.command);
      if (!found) return { made: false, why: `no ${wanted.command} there` };
      const why = await reasonAgainst(found, wanted);
      if (why) return { made: false, why };
      const into = join(directory, wanted.into ?? "bin");
      mkdirSync(into, { recursive: true });
      for (const name of [wanted.command, ...(wanted.companions ?? [])]) {
        symlinkSync(join(dirname(found), name), join(into, name));
      }
      return { made: true, detail: found };
    },
  };
}

async function reasonAgainst(found: string, wanted: Installed): Promise<string | undefined> {
  let output: string;
  try {
    output = await run(found, wanted.versionArguments, { timeoutMs: 10_000, env: { PULUMI_SKIP_UPDATE_CHECK: "1" } });
  } catch {
    return `${found} does not say its version`;
  }
  const version = /\d+\.\d+\.\d+[^\s]*/.exec(output)?.[0];
  if (version !== wanted.version) {
    return `${found} is version ${version ?? "unknown"}, not ${wanted.version}, and is not used`;
  }
  const beside = new Set(readdirSync(dirname(found)));
  const missing = wanted.companions?.find((name) => !beside.has(name));
  if (missing) return `${found} has no ${missing} beside it`;
  return wanted.objection?.(output);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
