/**
 * ShellCheck on every shell script of the checkout. `.shellcheckrc` says what it asks, and why not more.
 */
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { Failure } from "../lib/failure.ts";
import { shellcheck } from "../toolchain/components/shellcheck.ts";
import { ensureMade } from "../toolchain/store.ts";

/** Folders with nothing of this repository's own. */
const foreign = new Set(["node_modules", ".git", ".bundle", "sdks"]);

/** Paths of all shell scripts below a folder, from there: by their ending, and commands by what they say runs them. */
export function shellFiles(checkout: string): string[] {
  return readdirSync(checkout, { withFileTypes: true })
    .flatMap((entry): string[] => {
      const path = join(checkout, entry.name);
      if (entry.isDirectory())
        return foreign.has(entry.name) ? [] : shellFiles(path).map((inner) => join(entry.name, inner));
      if (!entry.isFile()) return [];
      return /\.(sh|bash)$/.test(entry.name) || (isCommand(entry.name) && runsInShell(path)) ? [entry.name] : [];
    })
    .sort();
}

/** A name without an ending. */
function isCommand(name: string): boolean {
  return !name.slice(1).includes(".");
}

function runsInShell(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(64);
    return /^#!\S+(\s\S*)*?\b(ba|da|k)?sh\b/.test(start.toString("utf8", 0, readSync(file, start)));
  } finally {
    closeSync(file);
  }
}

/** Checks them. @returns what is wrong, in ShellCheck's words; empty where nothing is. @throws Failure where it cannot be had. */
export async function checkShell(checkout: string): Promise<string> {
  const component = shellcheck();
  if (!component) throw new Failure(`ShellCheck is pinned for no ${process.platform}-${process.arch}`);
  const { directory } = await ensureMade(component);
  const { exitCode, all } = await execa(join(directory, "bin/shellcheck"), ["--color=never", ...shellFiles(checkout)], {
    ...{ cwd: checkout, reject: false, all: true },
  });
  return exitCode === 0 ? "" : all;
}
