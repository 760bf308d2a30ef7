/**
 * The engine with what it needs to run Node.js programs: the language host, and the start scripts for dynamic resources
 * and policy packs. They belong in one directory: the engine looks for them beside itself.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Component, Way } from "../component.ts";
import { type Archive, downloaded } from "../download.ts";
import { Failure } from "../failure.ts";
import { copyWritable, type GoBuild, goBuild, moduleDirectory, sourceFiles } from "../go-build.ts";
import { platform, versions } from "../pins.ts";
import { run } from "../run.ts";
import { foundOnPath } from "../search-path.ts";

const { pulumi, languageHost } = versions;
const companions = ["pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs", "pulumi-analyzer-policy"];

const archive: Archive = {
  url: `https://get.pulumi.com/releases/sdk/pulumi-v${pulumi}-${platform.os}-${process.arch}.tar.gz`,
  checksums: `https://github.com/pulumi/pulumi/releases/download/v${pulumi}/pulumi-${pulumi}-checksums.txt`,
};

const engine: GoBuild = {
  source: "engine",
  package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
  ldflags: `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${pulumi}`,
};

/**
 * The old host puts a proxy in front of the resource monitor which does not know RegisterPackage, so generated SDKs fail:
 * the program gets the monitor's own address instead.
 */
const host = {
  build: { source: "language-host", package: "./nodejs/cmd/pulumi-language-nodejs" } satisfies GoBuild,
  module: `github.com/pulumi/pulumi/sdk/v3@v${languageHost}`,
  patched: "nodejs/cmd/pulumi-language-nodejs/main.go",
  from: `fmt.Sprintf("127.0.0.1:%d", handle.Port), pipes.directory()`,
  to: `req.GetMonitorAddress(), pipes.directory()`,
  executable: "libexec/pulumi-language-nodejs",
};

/** The old host takes its options as flags, which today's engine no longer passes; official hosts read Pulumi.yaml. */
const wrapper = `#!/bin/sh
exec "$(dirname "$0")/../${host.executable}" -typescript=false -nodeargs="--import tsx" "$@"
`;

const built: Way = {
  name: "built from Go modules",
  async make(directory) {
    await goBuild(engine, join(directory, "bin/pulumi"));
    await buildLanguageHost(directory);
    return { made: true, detail: `with language host ${languageHost}` };
  },
};

/** Builds a patched copy of the module; Go's `-overlay` refuses files of the module cache. */
async function buildLanguageHost(directory: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "holdfast-language-host-"));
  try {
    const copy = join(scratch, "sdk");
    await copyWritable(await moduleDirectory(host.build.source, host.module), copy);
    const path = join(copy, host.patched);
    const text = readFileSync(path, "utf8");
    if (text.split(host.from).length !== 2) {
      throw new Failure(`${host.module} has no longer the one place in ${host.patched} that is adapted: ${host.from}`);
    }
    writeFileSync(path, text.replace(host.from, host.to));
    await goBuild(host.build, join(directory, host.executable), copy);
    const bin = join(directory, "bin");
    mkdirSync(bin, { recursive: true });
    for (const script of companions.slice(1)) await copyWritable(join(copy, "nodejs/dist", script), join(bin, script));
    writeFileSync(join(bin, "pulumi-language-nodejs"), wrapper);
    for (const name of companions) chmodSync(join(bin, name), 0o755);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function unpack(file: string, directory: string): Promise<void> {
  const bin = join(directory, "bin");
  mkdirSync(bin);
  await run("tar", ["-xzf", file, "-C", bin, "--strip-components=1"]);
}

/** `bin/` goes on PATH. */
export const pulumiComponent: Component = {
  name: "pulumi",
  version: pulumi,
  expectation: "4 min if it must be built",
  recipe: { archive, engine, host, wrapper, companions },
  sources: [...sourceFiles(engine.source), ...sourceFiles(host.build.source)],
  binaries: ["pulumi", ...companions].map((name) => `bin/${name}`),
  ways: [
    foundOnPath({ command: "pulumi", versionArguments: ["version"], version: pulumi, companions }),
    downloaded(archive, unpack),
    built,
  ],
  async verify(directory) {
    const env = { PULUMI_SKIP_UPDATE_CHECK: "1" };
    const says = (await run(join(directory, "bin/pulumi"), ["version"], { env, timeoutMs: 30_000 })).trim();
    return says === `v${pulumi}` ? undefined : `it says that it is ${says}`;
  },
};
