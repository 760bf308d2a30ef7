/**
 * The generator of Node.js SDKs, from the engine's own code: the built language host cannot do it.
 */
import { join } from "node:path";
import type { Component } from "../component.ts";
import { type GoBuild, goBuild, sourceDirectory, sourceFiles } from "../go-build.ts";
import { versions } from "../pins.ts";

const build: GoBuild = { source: "engine", package: "./cmd/gen-sdk" };

/** `gen-sdk <schema.json> <directory>`; only generate-libvirt-sdk.ts needs it. */
export const sdkGeneratorComponent: Component = {
  name: "sdk-generator",
  version: versions.pulumi,
  expectation: "3 min if it must be built",
  recipe: { build },
  sources: [...sourceFiles(build.source), join(sourceDirectory(build.source), "cmd/gen-sdk/main.go")],
  binaries: ["gen-sdk"],
  ways: [
    {
      name: "built from Go modules",
      async make(directory) {
        await goBuild(build, join(directory, "gen-sdk"));
        return { made: true };
      },
    },
  ],
};
