/**
 * The operator's clone on the lab's workstation, and Pulumi in it. A clone of its own, because Pulumi writes stack
 * configuration beside the projects: the lab's must never mix with that of a real site in the same checkout.
 */
import { cpSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join, sep } from "node:path";
import { cacheDirectory } from "../lib/cache.ts";
import { Failure } from "../lib/failure.ts";
import { note } from "../lib/progress.ts";
import { isProgramSource, programParts } from "../release/checkout.ts";
import type { Toolchain } from "../toolchain/index.ts";
import type { CommandOptions, CommandResult } from "./command.ts";
import type { OperatorSite } from "./operator-site.ts";
import type { Site } from "./site.ts";

const checkout = join(import.meta.dirname, "..");

/** A clone with everything that running Pulumi in it takes. */
export interface Workspace<S extends OperatorSite = Site> {
  site: S;
  /** The clone's top folder. */
  directory: string;
  /** Environment of the operator's shell: tools, backend, passphrase, key. */
  env: Record<string, string>;
}

/** Makes the clone, or brings it up to date with the checkout. Stack configuration in it is kept. */
export function openWorkspace<S extends OperatorSite>(site: S, toolchain: Toolchain): Workspace<S> {
  const directory = join(site.directory, "holdfast");
  const home = join(site.directory, "home");
  for (const path of [directory, home]) mkdirSync(path, { recursive: true, mode: 0o700 });
  for (const part of programParts(checkout)) {
    cpSync(join(checkout, part), join(directory, part), {
      recursive: true,
      filter: isSource,
      preserveTimestamps: true,
    });
  }
  const modules = join(directory, "node_modules");
  if (!existsSync(modules)) symlinkSync(join(checkout, "node_modules"), modules);
  return {
    site,
    directory,
    env: {
      ...toolchain.env,
      // The engine lives for seconds: collecting its garbage is a third of what its short commands cost.
      GOGC: "400",
      HOME: home,
      XDG_STATE_HOME: join(home, ".local", "state"),
      HOLDFAST_CACHE: cacheDirectory(),
      // As README.md: notes beside each file are what an engine leaves empty that is killed, and cannot read afterwards.
      PULUMI_BACKEND_URL: `file://${site.pulumi.stateDirectory}?metadata=skip`,
      PULUMI_CONFIG_PASSPHRASE_FILE: site.pulumi.passphraseFile,
      RUNNER_SSH_KEY_PATH: site.workstation.sshKeyPath,
    },
  };
}

/** The checkout's own stack files stay where they are: they may be those of a real site. */
function isSource(path: string): boolean {
  return isProgramSource(
    path
      .slice(checkout.length + 1)
      .split(sep)
      .join("/"),
  );
}

/** Runs Pulumi on the workstation, in the folder of a project (`.` is the foundation). */
export function pulumi(
  workspace: Workspace<OperatorSite>,
  project: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return workspace.site.workstation.run("pulumi", [...args, "--non-interactive", "--color", "never"], {
    timeoutMs: 120_000,
    ...options,
    cwd: join(workspace.directory, project),
    env: { ...workspace.env, ...options.env },
  });
}

/** Selects a stack, making it the first time, and gives it this configuration. Secrets are set once, by standard input. */
export async function configureStack(
  workspace: Workspace<OperatorSite>,
  project: string,
  stack: string,
  values: Record<string, string>,
  secrets: Record<string, string> = {},
): Promise<void> {
  await pulumi(workspace, project, ["stack", "select", "--create", stack]);
  const plain = Object.entries(values).flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]);
  await pulumi(workspace, project, ["config", "set-all", "--stack", stack, ...plain]);
  for (const [key, value] of Object.entries(secrets)) {
    const known = await pulumi(workspace, project, ["config", "get", "--stack", stack, key], { check: false });
    if (known.exitCode === 0 && known.stdout.trim() === value) continue;
    await pulumi(workspace, project, ["config", "set", "--stack", stack, "--secret", key], { input: value });
  }
}

/**
 * Runs `pulumi up` with progress, and gives its own summary, for example `11 created`.
 * @param onLine told every line that Pulumi prints.
 */
export function deploy(
  workspace: Workspace<OperatorSite>,
  project: string,
  stack: string,
  onLine?: (line: string) => void,
): Promise<string> {
  return change(workspace, project, ["up", "--yes", "--skip-preview", "--stack", stack], onLine);
}

/** Runs `pulumi destroy` with progress, and gives its own summary, for example `11 deleted`. */
export function destroy(workspace: Workspace<OperatorSite>, project: string, stack: string): Promise<string> {
  return change(workspace, project, ["destroy", "--yes", "--skip-preview", "--stack", stack]);
}

async function change(
  workspace: Workspace<OperatorSite>,
  project: string,
  args: string[],
  onLine?: (line: string) => void,
): Promise<string> {
  const said = new Set<string>();
  const result = await pulumi(workspace, project, args, {
    check: false,
    timeoutMs: 20 * 60_000,
    onLine: (line) => {
      onLine?.(line);
      const worthwhile = / (created|updated|replaced|deleted) \(|waiting|installing|testing:|warning:|error:/.test(
        line,
      );
      const text = line.trim().replace(/\s+/g, " ");
      // The engine repeats its lines with other seconds and other numbers of tries.
      const gist = text.replace(/\([\d.]+s\)|\btry \d+/g, "");
      if (worthwhile && !said.has(gist)) note(text);
      said.add(gist);
    },
  });
  if (result.exitCode !== 0)
    throw new Failure(`pulumi ${args[0]} of ${project} failed:\n${result.stdout}\n${result.stderr}`);
  return (
    /Resources:\n([\s\S]*?)\n\n/
      .exec(result.stdout)?.[1]
      ?.trim()
      .replace(/\s*\n\s*/g, ", ") ?? ""
  );
}
