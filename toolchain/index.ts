/**
 * The pinned tools, ready to use, and the environment that makes Pulumi use nothing else.
 */
import { existsSync, lstatSync, mkdirSync, readlinkSync, renameSync, symlinkSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { cacheDirectory } from "../lib/cache.ts";
import { Failure } from "../lib/failure.ts";
import type { Component } from "./component.ts";
import { giteaComponent, staticRoot } from "./components/gitea.ts";
import { bridgeComponent, bridgeExecutable, libvirtProviderComponent } from "./components/libvirt.ts";
import { proxmoxveComponent, proxmoxveExecutable } from "./components/proxmoxve.ts";
import { pulumiComponent } from "./components/pulumi.ts";
import { versions } from "./pins.ts";
import { ensureMade, type Made } from "./store.ts";

/**
 * `pulumi`: engine and Node.js language host. `libvirt`, `proxmoxve`: the plugins behind `@pulumi/libvirt` and
 * `@pulumi/proxmoxve`. `gitea`: the lab's forge.
 */
export type ToolName = "pulumi" | "libvirt" | "proxmoxve" | "gitea";

const components = {
  pulumi: [pulumiComponent],
  libvirt: [bridgeComponent, libvirtProviderComponent],
  proxmoxve: [proxmoxveComponent],
  gitea: [giteaComponent],
} satisfies Record<ToolName, Component[]>;

/** Every tool, in the order in which they are made: the plugins reuse what the engine compiled. */
export const toolNames = Object.keys(components) as ToolName[];

/** The tools that were asked for. */
export interface Toolchain {
  /**
   * What to put over an environment to run Pulumi with these tools only: `{ ...process.env, ...toolchain.env }`. PATH has
   * the engine first; `PULUMI_HOME` is one for exactly this set of plugins, so for the engine alone it has none; downloads
   * of plugins and update checks are off. Backend and passphrase are the caller's.
   */
  env: Record<string, string>;
  /**
   * Absolute path of an executable.
   * @throws Failure when its tool was not asked for.
   */
  binary(name: "pulumi" | "gitea"): string;
  /** Gitea's `[server] STATIC_ROOT_PATH`; absent for an official server, which has those files in it. */
  giteaStaticRoot?: string;
  /** What was made, and how, in the order of making. */
  made: { name: string; version: string; made: Made }[];
}

/**
 * Finds, downloads or builds the tools, one after another (each build uses every core). Once they are there this takes
 * milliseconds and starts no process; several processes may ask at the same time.
 * @throws Failure when one is not to be had, saying why each way was refused.
 */
export async function ensureToolchain(tools: readonly ToolName[]): Promise<Toolchain> {
  const made: Toolchain["made"] = [];
  for (const tool of toolNames.filter((name) => tools.includes(name))) {
    for (const component of components[tool]) {
      const { name, version } = component;
      made.push({ name, version, made: await ensureMade(component) });
    }
  }
  const directory = (component: Component) => made.find(({ name }) => name === component.name)?.made.directory;
  const gitea = directory(giteaComponent);
  const root = gitea && join(gitea, staticRoot);
  return {
    made,
    env: environment(directory),
    ...(root && existsSync(root) ? { giteaStaticRoot: root } : {}),
    binary(name) {
      const found = directory(name === "pulumi" ? pulumiComponent : giteaComponent);
      if (!found) throw new Failure(`this toolchain was asked for without ${name}`, `ensureToolchain(["${name}", …])`);
      return join(found, "bin", name);
    },
  };
}

function environment(directory: (component: Component) => string | undefined): Record<string, string> {
  const pulumi = directory(pulumiComponent);
  const provider = directory(libvirtProviderComponent);
  const path = [pulumi && join(pulumi, "bin"), process.env.PATH].filter((part) => part !== undefined);
  return {
    PATH: path.join(delimiter),
    PULUMI_HOME: pulumiHome(directory),
    PULUMI_SKIP_UPDATE_CHECK: "1",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    ...(provider ? { PULUMI_DYNAMIC_TF_PLUGIN_CACHE_DIR: provider } : {}),
  };
}

/** The plugins that Pulumi itself starts, by the tool that they come with. */
const plugins = [
  {
    tool: "libvirt",
    component: bridgeComponent,
    executable: bridgeExecutable,
    place: `resource-terraform-provider-v${versions.terraformProvider}`,
  },
  {
    tool: "proxmoxve",
    component: proxmoxveComponent,
    executable: proxmoxveExecutable,
    place: `resource-proxmoxve-v${versions.proxmoxve}`,
  },
];

/** The plugins of a toolchain: the component, the file in it, and its folder below `plugins` in a Pulumi home. */
export function pluginsOf({ made }: Pick<Toolchain, "made">) {
  return plugins.flatMap(({ component, executable, place }) => {
    const directory = made.find(({ name }) => name === component.name)?.made.directory;
    return directory === undefined ? [] : [{ name: component.name, directory, executable, home: place }];
  });
}

/** The Pulumi home for a set of plugins, which may be none. Pulumi writes its logs and selected stacks there. */
function pulumiHome(directory: (component: Component) => string | undefined): string {
  const asked = plugins.flatMap(({ component, ...plugin }) => {
    const from = directory(component);
    return from ? [{ ...plugin, from }] : [];
  });
  if (asked.length === 0) return cacheDirectory("toolchain", "home", "no-plugins");
  const name = asked.map(({ tool, from }) => `${tool}-${basename(from)}`).join("-");
  const home = cacheDirectory("toolchain", "home", name);
  for (const { executable, place, from } of asked) {
    const plugin = join(home, "plugins", place);
    mkdirSync(plugin, { recursive: true });
    link(join(from, executable), join(plugin, executable));
  }
  return home;
}

/** Makes a symbolic link, or corrects it, without a moment in which it is missing. */
function link(target: string, path: string): void {
  const current = lstatSync(path, { throwIfNoEntry: false });
  if (current?.isSymbolicLink() && readlinkSync(path) === target) return;
  const fresh = `${path}.${process.pid}`;
  symlinkSync(target, fresh);
  renameSync(fresh, path);
}
