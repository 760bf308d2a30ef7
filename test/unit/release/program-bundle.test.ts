/**
 * What starts a program: bundles are of the sources that there are, and give what the sources give; packages that nobody asks
 * for are not loaded.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bundleProgram } from "../../../lib/program/bundle.ts";
import { bundleFolder, freshBundle } from "../../../lib/program/start.js";

const top = join(import.meta.dirname, "../../..");
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "program-"));
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  write("shared/place.ts", 'export const place: string = import.meta.dirname; export const value = "first";');
  write("shared/late.ts", 'export const late: string = "late";');
  write(
    "program/index.ts",
    `import { place, value } from "../shared/place.ts";
     const { late } = await import("../shared/late.ts");
     export { late, place, value };`,
  );
  write(
    "program/start.js",
    `import { startProgram } from ${JSON.stringify(join(top, "lib/program/start.js"))};
     console.log(JSON.stringify(await startProgram(import.meta.dirname)));`,
  );
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** What the program says, started as the language host starts it. */
async function started(from = root) {
  const { stdout, stderr, exitCode } = await execa("node", [join(from, "program/start.js")], { reject: false });
  return exitCode === 0 ? JSON.parse(stdout) : stderr;
}

const program = () => join(root, "program");

test("a program is bundled at its first start, gives what its source gives, and is bundled again for another source", async () => {
  expect(freshBundle(program())).toBeUndefined();
  expect(await started()).toEqual({ late: "late", place: join(root, "shared"), value: "first" });
  const first = freshBundle(program());
  expect(first).toMatch(/index-\w+\.mjs$/);
  expect(await started()).toMatchObject({ place: join(root, "shared"), value: "first" });
  expect(freshBundle(program())).toBe(first);
  write("shared/place.ts", 'export const place: string = import.meta.dirname; export const value = "second";');
  expect(freshBundle(program())).toBeUndefined();
  expect(await started()).toMatchObject({ value: "second" });
});

test("what is imported when it is needed stays a file of its own", async () => {
  const entry = await bundleProgram(program());
  expect(readFileSync(entry, "utf8")).not.toContain('"late"');
  expect(readdirSync(join(program(), bundleFolder)).filter((name) => name.startsWith("late-"))).toHaveLength(1);
});

test("a copy has its bundle, whatever the times of its files", async () => {
  await bundleProgram(program());
  const copy = mkdtempSync(join(tmpdir(), "program-copy-"));
  cpSync(root, copy, { recursive: true });
  utimesSync(join(copy, "shared/place.ts"), new Date(), new Date());
  expect(freshBundle(join(copy, "program"))).toBeDefined();
  expect(await started(copy)).toMatchObject({ place: join(copy, "shared") });
  rmSync(copy, { recursive: true });
});

test("a program that makes bundles makes good ones, though it is a bundle itself", async () => {
  const maker = join(root, "maker");
  symlinkSync(join(top, "node_modules"), join(root, "node_modules"));
  write(
    "maker/index.ts",
    `import { bundleProgram } from ${JSON.stringify(join(top, "lib/program/bundle.ts"))};
     export const made = await bundleProgram(${JSON.stringify(program())});`,
  );
  write("maker/start.js", readFileSync(join(program(), "start.js"), "utf8"));
  await bundleProgram(maker);
  const { stdout } = await execa("node", [join(maker, "start.js")]);
  const { made } = JSON.parse(stdout) as { made: string };
  expect((await execa("node", [made])).exitCode).toBe(0);
  expect(await started()).toMatchObject({ place: join(root, "shared") });
});

test("a source with an error is run as it is, so that its own error is seen", async () => {
  write("shared/place.ts", "export const place = ;");
  expect(await started()).toMatch(/place\.ts[\s\S]*Unexpected ";"/);
});

test("the SDK is loaded without what no program needs, which is there when it is asked for", async () => {
  const file = join(root, "sdk.mjs");
  writeFileSync(
    file,
    `import { createRequire } from "node:module";
     import { deferPackages } from ${JSON.stringify(join(top, "lib/program/deferred.js"))};
     if (process.argv[2] === "deferred") deferPackages();
     const require = createRequire(${JSON.stringify(join(top, "lib/program/start.js"))});
     const sdk = createRequire(require.resolve("@pulumi/pulumi"));
     const parts = ["/node_modules/pacote/", "/pulumi/automation/stack"];
     const loaded = () => parts.map((part) => Object.keys(require.cache).some((path) => path.includes(part)));
     const { automation } = sdk("@pulumi/pulumi");
     const before = loaded();
     const [typescript, arborist] = ["typescript", "@npmcli/arborist"].map((name) => sdk(name));
     const asked = [
       ...[typeof typescript.version, typeof arborist.Node, "Node" in arborist, Object.keys(arborist).length > 1],
       typeof automation.LocalWorkspace.create,
     ];
     console.log(JSON.stringify({ before, asked, after: loaded() }));`,
  );
  const run = async (how: string) => JSON.parse((await execa("node", [file, how])).stdout);
  const asked = ["string", "function", true, true, "function"];
  const [none, all] = [false, true].map((loaded) => [loaded, loaded]);
  expect(await run("deferred")).toEqual({ before: none, asked, after: all });
  expect(await run("plainly")).toEqual({ before: all, asked, after: all });
});
