/**
 * The lab's forge: Gitea with SQLite.
 */
import { chmodSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../lib/run.ts";
import type { Component } from "../component.ts";
import { type Archive, downloaded } from "../download.ts";
import { copyWritable, type GoBuild, goBuild, moduleDirectory, sourceFiles } from "../go-build.ts";
import { platform, versions } from "../pins.ts";
import { foundOnPath } from "../search-path.ts";

const { gitea } = versions;
const executable = "bin/gitea";

const archive: Archive = {
  url: `https://dl.gitea.com/gitea/${gitea}/gitea-${gitea}-${platform.os}-${platform.arch}`,
  checksums: `https://dl.gitea.com/gitea/${gitea}/gitea-${gitea}-${platform.os}-${platform.arch}.sha256`,
};

const build: GoBuild = {
  source: "gitea",
  package: "code.gitea.io/gitea",
  tags: "sqlite sqlite_unlock_notify",
  ldflags: `-X main.Version=${gitea}`,
  cgo: true,
};

/** What a server built without embedded files reads from its STATIC_ROOT_PATH, which is `staticRoot` of the component. */
const staticFiles = ["options", "templates", "public"];
export const staticRoot = "static";

/** `bin/gitea`, and `static/` when it was built here: official servers have those files in them. */
export const giteaComponent: Component = {
  name: "gitea",
  version: gitea,
  expectation: "3 min if it must be built",
  recipe: { archive, build, staticFiles },
  sources: sourceFiles(build.source),
  binaries: [executable],
  ways: [
    foundOnPath({
      command: "gitea",
      versionArguments: ["--version"],
      version: gitea,
      objection: (output) =>
        ["bindata", "sqlite"].every((tag) => output.includes(tag))
          ? undefined
          : "it was built without embedded files or SQLite, and is not used",
    }),
    downloaded(archive, async (file, directory) => {
      mkdirSync(join(directory, "bin"));
      renameSync(file, join(directory, executable));
      chmodSync(join(directory, executable), 0o755);
    }),
    {
      name: "built from Go modules",
      async make(directory) {
        await goBuild(build, join(directory, executable));
        const module = await moduleDirectory(build.source, `${build.package}@v${gitea}`);
        for (const name of staticFiles) await copyWritable(join(module, name), join(directory, staticRoot, name));
        return { made: true, detail: "with its static files beside it" };
      },
    },
  ],
  async verify(directory) {
    const says = await run(join(directory, executable), ["--version"], { timeoutMs: 30_000 });
    return says.includes(` ${gitea} `) ? undefined : `it says that it is ${says.trim()}`;
  },
};
