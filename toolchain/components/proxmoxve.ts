/**
 * What `@pulumi/proxmoxve` runs on: the plugin, by muhlba91, or the same built here from the Terraform provider bpg/proxmox
 * and Pulumi's bridge. Its own module was not served here, so `toolchain/go/proxmoxve` gives the resources their names.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../lib/run.ts";
import type { Component } from "../component.ts";
import { type Archive, downloaded } from "../download.ts";
import { type GoBuild, goBuild, sourceDirectory, sourceFiles } from "../go-build.ts";
import { platform, versions } from "../pins.ts";
import { foundOnPath } from "../search-path.ts";

const { proxmoxve } = versions;

/** The plugin's executable, relative to the component, and to a directory of `PULUMI_HOME/plugins`. */
export const proxmoxveExecutable = "pulumi-resource-proxmoxve";

const releases = `https://github.com/muhlba91/pulumi-proxmoxve/releases/download/v${proxmoxve}`;
const archive: Archive = {
  url: `${releases}/${proxmoxveExecutable}-v${proxmoxve}-${platform.os}-${platform.arch}.tar.gz`,
  checksums: `${releases}/pulumi-proxmoxve_${proxmoxve}_checksums.txt`,
};

const ldflags = `-X holdfast/toolchain/proxmoxve/mapping.Version=${proxmoxve}`;
const generator: GoBuild = { source: "proxmoxve", package: "./cmd/tfgen", ldflags };
const plugin: GoBuild = { source: "proxmoxve", package: "./cmd/plugin", ldflags };
const code = ["mapping/provider.go", "cmd/tfgen/main.go", "cmd/plugin/main.go"];

/** Builds in a copy: the plugin embeds what the generator writes. */
async function build(directory: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "holdfast-proxmoxve-"));
  try {
    const copy = join(scratch, "source");
    cpSync(sourceDirectory(plugin.source), copy, { recursive: true });
    const tfgen = join(scratch, "tfgen");
    await goBuild(generator, tfgen, copy);
    await run(tfgen, ["schema", "--out", join(copy, "cmd/plugin")]);
    await goBuild(plugin, join(directory, proxmoxveExecutable), copy);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The plugin `proxmoxve`. One that is built here has only the resources that `mapping/provider.go` names. */
export const proxmoxveComponent: Component = {
  name: "proxmoxve",
  version: proxmoxve,
  expectation: "5 min if it must be built",
  recipe: { archive, generator, plugin },
  sources: [...sourceFiles(plugin.source), ...code.map((path) => join(sourceDirectory(plugin.source), path))],
  binaries: [proxmoxveExecutable],
  ways: [
    foundOnPath({ command: proxmoxveExecutable, versionArguments: ["-version"], version: proxmoxve, into: "." }),
    downloaded(archive, async (file, directory) => {
      await run("tar", ["-xzf", file, "-C", directory, proxmoxveExecutable]);
    }),
    {
      name: "built from Go modules",
      async make(directory) {
        await build(directory);
        return { made: true };
      },
    },
  ],
  async verify(directory) {
    const says = (await run(join(directory, proxmoxveExecutable), ["-version"], { timeoutMs: 30_000 })).trim();
    return says.replace(/^v/, "") === proxmoxve ? undefined : `it says that it is ${says}`;
  },
};
