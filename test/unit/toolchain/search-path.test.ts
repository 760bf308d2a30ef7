import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { findOnPath, foundOnPath } from "../../../toolchain/search-path.ts";

let installed: string;
let into: string;
const way = foundOnPath({
  command: "tool",
  versionArguments: ["version"],
  version: "1.2.3",
  companions: ["tool-host"],
});

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-path-"));
  installed = join(directory, "installed");
  into = join(directory, "component");
  mkdirSync(installed);
  mkdirSync(into);
  vi.stubEnv("HOLDFAST_CACHE", join(directory, "cache"));
  vi.stubEnv("PATH", `${installed}${delimiter}/usr/bin${delimiter}/bin`);
});
afterEach(() => vi.unstubAllEnvs());

function install(name: string, script: string, directory = installed): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, name), 0o755);
}

test("exactly the pinned version is used, with its companions", async () => {
  install("tool", "echo v1.2.3");
  install("tool-host", "");
  expect(await way.make(into)).toEqual({ made: true, detail: join(installed, "tool") });
  expect(readFileSync(join(into, "bin/tool"), "utf8")).toContain("v1.2.3");
});

test.each(["v1.2.4", "v1.2.30", "1.2.3-alpha.1"])("version %s is named and not used", async (version) => {
  install("tool", `echo ${version}`);
  install("tool-host", "");
  const why = `${join(installed, "tool")} is version ${version.replace("v", "")}, not 1.2.3, and is not used`;
  expect(await way.make(into)).toEqual({ made: false, why });
});

test("a tool that fails to say its version is not used", async () => {
  install("tool", "exit 1");
  expect(await way.make(into)).toMatchObject({ made: false, why: expect.stringContaining("does not say its version") });
});

test("a tool without its companion is not used", async () => {
  install("tool", "echo v1.2.3");
  expect(await way.make(into)).toMatchObject({ made: false, why: expect.stringContaining("no tool-host beside it") });
});

test("nothing there is said so", async () => {
  expect(await way.make(into)).toEqual({ made: false, why: "no tool there" });
});

test("our own cache is not taken for an installation", () => {
  const own = join(process.env.HOLDFAST_CACHE ?? "", "toolchain/tool/0123/bin");
  mkdirSync(own, { recursive: true });
  install("tool", "echo v1.2.3", own);
  expect(findOnPath("tool", own)).toBeUndefined();
  install("tool", "echo v1.2.3");
  expect(findOnPath("tool", `${own}${delimiter}${installed}`)).toBe(join(installed, "tool"));
});

test("a file that is not executable is passed over", () => {
  writeFileSync(join(installed, "tool"), "");
  expect(findOnPath("tool", installed)).toBeUndefined();
});
