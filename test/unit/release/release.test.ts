/**
 * Release archives: the same content gives the same bytes, an archive says what it holds, its commands find their release by
 * whatever link, and nothing of a real site or a secret gets in.
 *
 * Not proven here: that the full release runs (docs/proof.md).
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { beforeEach, expect, test } from "vitest";
import type { ReleaseEntry } from "../../../lib/release/format.ts";
import { toolsOf } from "../../../lib/release/tools.ts";
import { packRelease } from "../../../release/archive.ts";
import { packageEntries, sourceEntries } from "../../../release/checkout.ts";
import { launcherEntries } from "../../../release/launchers.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-release-"));
});

/** Writes a file below the test's directory and gives its path. */
function file(path: string, text: string, mode = 0o644): string {
  const full = join(directory, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  chmodSync(full, mode);
  return full;
}

async function unpacked(entries: ReleaseEntry[]): Promise<string> {
  const archive = join(directory, "a.tar.gz");
  await packRelease(entries, archive);
  const into = join(directory, "unpacked");
  mkdirSync(into);
  await execa("tar", ["-xzpf", archive, "--no-same-owner", "-C", into]);
  return into;
}

test("the same content gives the same bytes, in whatever order and at whatever time", async () => {
  const [one, two] = [file("one", "1"), file("two", "2", 0o755)];
  const entries: ReleaseEntry[] = [
    { path: "b/one", from: one, executable: false },
    { path: "a/two", from: two, executable: true },
    { path: "a/link", linkTo: "two" },
  ];
  const first = await packRelease(entries, join(directory, "first"));
  utimesSync(one, 1, 1);
  expect(await packRelease([...entries].reverse(), join(directory, "second"))).toEqual(first);
  const digest = createHash("sha256")
    .update(readFileSync(join(directory, "first")))
    .digest("hex");
  expect(first).toEqual({ sha256: digest, size: statSync(join(directory, "first")).size });
  writeFileSync(one, "3");
  expect((await packRelease(entries, join(directory, "third"))).sha256).not.toBe(digest);
});

test("a path goes in once", async () => {
  const entries = ["1", "2"].map((text) => ({ path: "bin/run", text, executable: true }));
  await expect(packRelease(entries, join(directory, "twice"))).rejects.toThrow("bin/run is in the release twice");
});

test("an archive lists its files, keeps what can be run, and hides no time or owner of the workstation", async () => {
  const long = `deep/${"long-name/".repeat(20)}file`;
  const entries: ReleaseEntry[] = [
    { path: "bin/run", text: "#!/bin/sh\n", executable: true },
    { path: long, text: "x", executable: false },
  ];
  const into = await unpacked(entries);
  const check = await execa("sha256sum", ["--check", "--strict", "MANIFEST"], { cwd: into });
  expect(check.stdout.split("\n")).toEqual(["bin/run: OK", `${long}: OK`]);
  expect(statSync(join(into, "bin/run")).mode & 0o777).toBe(0o755);
  expect(statSync(join(into, long)).mtime).toEqual(new Date("2020-01-01T00:00:00Z"));
});

test("a checkout's code goes in, and nothing that is not known to be code", () => {
  for (const path of ["Pulumi.yaml", "package.json", "cli/main.ts", "toolchain/go/engine/go.sum", "LICENSE"])
    file(path, "");
  file("provider/pulumi-resource-holdfast", "", 0o755);
  for (const path of ["blueprints/networking/runner@v1.yml", "blueprints/networking/own.json"]) file(path, "");
  for (const path of ["stacks/runners/Pulumi.example.yaml", "stacks/schemas/runners.json"]) file(path, "");
  const secret = [
    "stacks/runners/Pulumi.crunchy.yaml",
    "cli/id_ed25519",
    "runners/netbox.json",
    "provider/.env",
    "ops-runner/key.pem",
  ];
  for (const path of [...secret, "components/node_modules/x/index.js", "test/main.ts", ".git/config"]) file(path, "");
  const entries = sourceEntries(directory, "holdfast");
  expect(entries.map(({ path }) => path).sort()).toEqual([
    ...["holdfast/LICENSE", "holdfast/Pulumi.yaml", "holdfast/blueprints/networking/runner@v1.yml"],
    ...["holdfast/cli/main.ts", "holdfast/package.json"],
    ...["holdfast/provider/pulumi-resource-holdfast", "holdfast/stacks/runners/Pulumi.example.yaml"],
    ...["holdfast/stacks/schemas/runners.json", "holdfast/toolchain/go/engine/go.sum"],
  ]);
  expect(entries.find(({ path }) => path.endsWith("resource-holdfast"))).toMatchObject({ executable: true });
});

test("packages of the programs go in, those for development stay, workspaces become links", () => {
  const packages = {
    "node_modules/zod": {},
    "node_modules/vitest": { dev: true },
    "node_modules/typescript": { devOptional: true },
    "node_modules/@holdfast/cli": { link: true, resolved: "cli" },
    // Workspaces are listed by their own folders, too; what lies about there may be of a real site.
    cli: {},
    "cli/node_modules/zod": {},
  };
  for (const path of ["cli/netbox.json", "cli/main.ts", "cli/node_modules/zod/index.js"]) file(path, "");
  file("node_modules/.package-lock.json", JSON.stringify({ packages }));
  for (const path of ["zod/index.js", "zod/index.d.ts", "zod/index.js.map", "zod/LICENSE", "zod/node_modules/y/a.js"])
    file(`node_modules/${path}`, "");
  for (const path of ["vitest/index.js", "typescript/index.js"]) file(`node_modules/${path}`, "");
  expect(packageEntries(directory, "holdfast").map((entry) => [entry.path, "linkTo" in entry && entry.linkTo])).toEqual(
    [
      ["holdfast/node_modules/zod/LICENSE", false],
      ["holdfast/node_modules/zod/index.js", false],
      ["holdfast/node_modules/@holdfast/cli", "../../cli"],
      ["holdfast/cli/node_modules/zod/index.js", false],
    ],
  );
});

test("a checkout without packages is refused with what to do", () => {
  expect(() => packageEntries(directory, "holdfast")).toThrow(/has no packages installed\n.*npm ci/);
});

test("the commands find their release by any link, with its own Node.js, engine and plugins", async () => {
  const node = '#!/bin/sh\necho "node $1 $2"; command -v pulumi; echo "$HOLDFAST_TOOLCHAIN"\n';
  const engine = '#!/bin/sh\necho "pulumi $1"; command -v node; find "$PULUMI_HOME" -type l -exec readlink {} +\n';
  const into = await unpacked([
    ...launcherEntries("pulumi/0a1b"),
    { path: "node/bin/node", text: node, executable: true },
    { path: "toolchain/pulumi/0a1b/bin/pulumi", text: engine, executable: true },
    { path: "toolchain/proxmoxve/2c3d/pulumi-resource-proxmoxve", text: "", executable: true },
    {
      path: "plugins/resource-proxmoxve-v8.6.0/pulumi-resource-proxmoxve",
      linkTo: "../../toolchain/proxmoxve/2c3d/pulumi-resource-proxmoxve",
    },
  ]);
  symlinkSync(into, join(directory, "current"));
  symlinkSync(join(directory, "current/bin/holdfast"), join(directory, "holdfast"));
  const env = { PATH: "/usr/bin:/bin", HOME: directory };
  const run = (path: string, argument: string) => execa(path, [argument], { env, extendEnv: false });
  expect((await run(join(directory, "holdfast"), "--version")).stdout.split("\n")).toEqual([
    ...[`node ${into}/holdfast/cli/holdfast.js --version`, `${into}/bin/pulumi`, `${into}/toolchain`],
  ]);
  const pulumi = ["pulumi version", `${into}/node/bin/node`];
  const plugin = `${into}/plugins/resource-proxmoxve-v8.6.0/pulumi-resource-proxmoxve`;
  for (const _ of ["first", "again"])
    expect((await run(join(into, "bin/pulumi"), "version")).stdout.split("\n")).toEqual([...pulumi, plugin]);
});

test("a tool that no release holds is named with those that one may", () => {
  expect(toolsOf(["libvirt", "proxmoxve"])).toEqual(["proxmoxve", "libvirt"]);
  expect(() => toolsOf(["gitea"])).toThrow(/a release holds no gitea\n.*--tool proxmoxve \| --tool libvirt/);
});

test("the command says its version, which is how a runner proves its release", async () => {
  const command = join(import.meta.dirname, "../../../cli/holdfast.js");
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../../package.json"), "utf8"));
  expect((await execa("node", [command, "--version"])).stdout).toBe(`holdfast ${version}`);
});
