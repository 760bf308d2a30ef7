/**
 * The second Node.js of `npm test`: which release line it is, and that an archive with another digest is not used. The npm
 * command is one of the test's own.
 *
 * Not proven here: that the registry still has the pinned packages (`npm test` itself fetches one).
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { nodeComponent, secondLine, secondNode } from "../../../toolchain/components/node.ts";
import { ensureMade } from "../../../toolchain/store.ts";

afterEach(() => void vi.unstubAllEnvs());

/** Puts an `npm` on PATH whose `pack` gives an archive with a `node` of that version; gives the archive's digest. */
function registryWith(version: string): string {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-node-"));
  const command = join(directory, "package/bin/node");
  mkdirSync(join(directory, "package/bin"), { recursive: true });
  writeFileSync(command, `#!/bin/sh\necho v${version}\n`);
  chmodSync(command, 0o755);
  execFileSync("tar", ["-czf", join(directory, "archive.tgz"), "-C", directory, "package"]);
  const npm = join(directory, "npm");
  writeFileSync(npm, `#!/bin/sh\ncp '${directory}/archive.tgz' "$5/archive.tgz"\necho archive.tgz\n`);
  chmodSync(npm, 0o755);
  vi.stubEnv("PATH", `${directory}:${process.env.PATH}`);
  vi.stubEnv("HOLDFAST_CACHE", join(directory, "cache"));
  return `sha512-${createHash("sha512")
    .update(readFileSync(join(directory, "archive.tgz")))
    .digest("base64")}`;
}

test.each([
  ["20.19.0", 24],
  ["22.23.3", 24],
  ["24.21.0", 22],
  ["26.12.1", 24],
])("beside Node.js %s, line %i is tested", (running, line) => {
  expect(secondLine(running)).toBe(line);
});

test("each platform has both lines; another one has none", () => {
  for (const system of ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"]) {
    for (const line of [22, 24] as const) expect(secondNode(line, system)?.version).toMatch(new RegExp(`^${line}\\.`));
  }
  expect(secondNode(24, "aix-ppc64")).toBeUndefined();
});

test("the archive of the pinned digest is unpacked, and kept", async () => {
  const integrity = registryWith("24.99.1");
  const { directory } = await ensureMade(nodeComponent("node-example", { version: "24.99.1", integrity }));
  expect(execFileSync(join(directory, "bin/node"), { encoding: "utf8" })).toBe("v24.99.1\n");
  expect(existsSync(join(directory, "archive.tgz"))).toBe(false);
});

test("an archive of another digest is not used, nor one that holds another version", async () => {
  const integrity = registryWith("24.99.1");
  const other = nodeComponent("node-example", { version: "24.99.1", integrity: "sha512-AAAA" });
  await expect(ensureMade(other)).rejects.toThrow(/could not be had .*has the digest sha512-.*; it is not used/);
  const newer = nodeComponent("node-example", { version: "24.99.2", integrity });
  await expect(ensureMade(newer)).rejects.toThrow("it says that it is v24.99.1");
});

test("a registry that does not answer is a reason in one line", async () => {
  const integrity = registryWith("24.99.1");
  const npm = (process.env.PATH ?? "").split(":")[0];
  writeFileSync(`${npm}/npm`, "#!/bin/sh\necho 'npm error network' >&2\necho 'npm error more' >&2\nexit 1\n");
  const failed = ensureMade(nodeComponent("node-example", { version: "24.99.1", integrity }));
  await expect(failed).rejects.toThrow(/^node 24\.99\.1 could not be had \(.*npm error network \| npm error more\)$/);
});
