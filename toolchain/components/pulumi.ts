/**
 * The engine with what it needs to run Node.js programs: the language host, and the start scripts for dynamic resources
 * and policy packs. They belong in one directory: the engine looks for them beside itself.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../lib/run.ts";
import { shellScript } from "../../lib/shell.ts";
import type { Component, Way } from "../component.ts";
import { type Archive, downloaded } from "../download.ts";
import {
  type AdaptedModule,
  copyWritable,
  type GoBuild,
  goBuild,
  goBuildAdapted,
  moduleDirectory,
  sourceFiles,
} from "../go-build.ts";
import { patchFile } from "../patch.ts";
import { platform, versions } from "../pins.ts";
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
 * Over half of the engine's 0.25 s of processor time at every start goes into tables that hardly a command looks at: the
 * dictionaries by which `config set` and `env set` tell secrets from other values, and the widths of all characters. Here
 * they are made when somebody asks.
 */
const engineModules: AdaptedModule[] = [
  ...["github.com/ccojocar/zxcvbn-go", "github.com/nbutton23/zxcvbn-go"].map((module) => ({
    module,
    files: {
      "frequency/frequency.go": [{ from: "func init() {", until: "", to: "func Load() {" }],
      "matching/matching.go": [
        { from: "func init() {\n\tloadFrequencyList()\n}\n", until: "", to: "" },
        { from: "func loadFrequencyList() {\n", until: "", to: "func loadFrequencyList() {\n\tfrequency.Load()\n" },
      ],
    },
  })),
  {
    module: "github.com/mattn/go-runewidth",
    files: {
      "runewidth.go": [
        { from: "\tinitStrictWidthLUT()\n", until: "", to: "" },
        {
          from: "\tif c.StrictEmojiNeutral {\n\t\tif c.EastAsianWidth {\n\t\t\treturn int(strictWidthLUT[1][r])",
          until: "\treturn runeWidthNoLUT(r, c.EastAsianWidth, c.StrictEmojiNeutral)",
          to: "",
        },
      ],
    },
  },
];

/**
 * Two things of the old host are taken out. Its proxy in front of the resource monitor does not know RegisterPackage, so
 * generated SDKs fail: the program gets the monitor's own address. And its pipes for synchronous calls, which today's SDK
 * does not open, hang a finished `up` once in some hundred runs while they are cleaned up.
 */
const host = {
  build: { source: "language-host", package: "./nodejs/cmd/pulumi-language-nodejs" } satisfies GoBuild,
  module: `github.com/pulumi/pulumi/sdk/v3@v${languageHost}`,
  patched: "nodejs/cmd/pulumi-language-nodejs/main.go",
  /** From one text up to another, which stays; each stands exactly once in the file. */
  patches: [
    {
      from: "\ttracingSpan := opentracing.SpanFromContext(ctx)\n\n\t// Make a connection to the real monitor",
      until: "\t// Channel producing the final response",
      to: "",
    },
    {
      from: "\t// Forward any rpc server or pipe errors to our output channel.",
      until: "\tnodeBin, err := exec.LookPath",
      to: "",
    },
    {
      from: `fmt.Sprintf("127.0.0.1:%d", handle.Port), pipes.directory()`,
      until: ")",
      to: `req.GetMonitorAddress(), ""`,
    },
    { from: `\t"google.golang.org/grpc/credentials/insecure"\n`, until: "", to: "" },
  ],
  executable: "libexec/pulumi-language-nodejs",
};

/**
 * The old host takes its options as flags, which today's engine no longer passes; official hosts read Pulumi.yaml. So this
 * reads the arguments for Node.js there, of the nearest project above: that is where Pulumi looks for it.
 */
const wrapper = shellScript(import.meta.dirname, "pulumi-language-nodejs.sh").text;

const built: Way = {
  name: "built from Go modules",
  async make(directory) {
    await goBuildAdapted(engine, join(directory, "bin/pulumi"), engineModules);
    await buildLanguageHost(directory);
    return { made: true, detail: `starts faster than the official one, with language host ${languageHost}` };
  },
};

/** Builds a patched copy of the module; Go's `-overlay` refuses files of the module cache. */
async function buildLanguageHost(directory: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "holdfast-language-host-"));
  try {
    const copy = join(scratch, "sdk");
    await copyWritable(await moduleDirectory(host.build.source, host.module), copy);
    patchFile(host.module, join(copy, host.patched), host.patches);
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
  recipe: { archive, engine, engineModules, host, wrapper, companions },
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
