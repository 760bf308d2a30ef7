/**
 * The operator's clone on the lab's workstation, and Pulumi in it. A clone of its own, because Pulumi writes stack
 * configuration beside the projects: the lab's must never mix with that of a real site in the same checkout.
 */
import { cpSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join, sep } from "node:path";
import { cacheDirectory } from "../toolchain/cache.ts";
import type { Toolchain } from "../toolchain/index.ts";
import type { CommandOptions, CommandResult } from "./command.ts";
import type { Site } from "./site.ts";

const checkout = join(import.meta.dirname, "..");

/** What of the checkout the projects need. */
const parts = [
  "Pulumi.yaml",
  "package.json",
  "tsconfig.json",
  "cli",
  "foundation",
  "components",
  "provider",
  "runners",
  "stacks",
  "toolchain",
];

/** A clone with everything that running Pulumi in it takes. */
export interface Workspace {
  site: Site;
  /** The clone's top folder. */
  directory: string;
  /** Environment of the operator's shell: tools, backend, passphrase, key. */
  env: Record<string, string>;
}

/** Makes the clone, or brings it up to date with the checkout. Stack configuration in it is kept. */
export function openWorkspace(site: Site, toolchain: Toolchain): Workspace {
  const directory = join(site.directory, "holdfast");
  const home = join(site.directory, "home");
  for (const path of [directory, home]) mkdirSync(path, { recursive: true, mode: 0o700 });
  for (const part of parts) {
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
      HOME: home,
      HOLDFAST_CACHE: cacheDirectory(),
      PULUMI_BACKEND_URL: `file://${site.pulumi.stateDirectory}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: site.pulumi.passphraseFile,
      RUNNER_SSH_KEY_PATH: site.workstation.sshKeyPath,
    },
  };
}

/** The checkout's own stack files stay where they are: they may be those of a real site. */
function isSource(path: string): boolean {
  const relative = path.slice(checkout.length + 1);
  return (
    !relative.split(sep).includes("node_modules") &&
    !/^stacks\/[^/]+\/Pulumi\.(?!example|min|typical|enterprise)[^/]*\.yaml$/.test(relative)
  );
}

/** Runs Pulumi on the workstation, in the folder of a project (`.` is the foundation). */
export function pulumi(
  workspace: Workspace,
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
  workspace: Workspace,
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
