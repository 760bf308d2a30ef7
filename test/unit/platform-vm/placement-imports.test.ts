/**
 * Which SDKs a pool's program reads: that of its placement alone, and none before that is chosen. Reading one takes longer than
 * the rest of a preview.
 */
import { join, relative } from "node:path";
import { build, type Metafile } from "esbuild";
import { expect, test } from "vitest";

const top = join(import.meta.dirname, "../../..");

/** Packages that a module reads before its own first line, by whatever it imports. */
async function packagesOf(module: string): Promise<string[]> {
  const entry = join(top, "platform-vm", module);
  const options = { bundle: true, format: "esm", platform: "node", packages: "external" } as const;
  const { metafile } = await build({
    ...options,
    ...{ entryPoints: [entry], write: false, metafile: true, absWorkingDir: top, logLevel: "silent" },
    // Top-level `await` and splitting: each is as the program has it.
    ...{ splitting: true, outdir: "unused", target: "node22" },
  });
  return reached(metafile, relative(top, entry));
}

function reached({ inputs }: Metafile, entry: string): string[] {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const follow = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { path: next, kind, external } of inputs[path]?.imports ?? []) {
      if (kind !== "import-statement") continue;
      if (external) packages.add(next);
      else follow(next);
    }
  };
  follow(entry);
  return [...packages].filter((name) => name.startsWith("@pulumi/")).sort();
}

test.each([
  ["index.ts", ["@pulumi/pulumi"]],
  ["placements/proxmox/provision.ts", ["@pulumi/proxmoxve", "@pulumi/pulumi"]],
  ["placements/libvirt/provision.ts", ["@pulumi/libvirt", "@pulumi/pulumi"]],
])("%s reads %j", async (module, packages) => {
  expect(await packagesOf(module)).toEqual(packages);
});
