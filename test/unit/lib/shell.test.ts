/**
 * Shell that lies in files of its own: found from the source, from a program's bundle, from the plugin's and in a release, and
 * called with arguments that stay what they are. All `.sh` files and commands are seen by the static check.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, expect, test } from "vitest";
import { bundleProgram } from "../../../lib/program/bundle.ts";
import { shellScript } from "../../../lib/shell.ts";
import { bundleOptions } from "../../../provider/bundle-options.ts";
import { sourceEntries } from "../../../release/checkout.ts";
import { shellFiles } from "../../shell-files.ts";

const top = join(import.meta.dirname, "../../..");
const root = mkdtempSync(join(tmpdir(), "shell-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const script = `#!/bin/sh\n# It's "quoted".\nfor each; do printf '<%s>' "$each"; done\n[ "$#" -lt 9 ] || exit 3\ncat\n`;

/** A checkout with one program and one script, and what stands between them. */
function checkout(name: string): string {
  const directory = join(root, name);
  mkdirSync(join(directory, "program/inner"), { recursive: true });
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
  writeFileSync(join(directory, "program/inner/words.sh"), script);
  symlinkSync(join(top, "node_modules"), join(directory, "node_modules"));
  writeFileSync(
    join(directory, "program/inner/words.ts"),
    `import { shellScript } from ${JSON.stringify(join(top, "lib/shell.ts"))};
     export const words = shellScript(import.meta.dirname, "words.sh");`,
  );
  writeFileSync(
    join(directory, "program/index.ts"),
    'import { words } from "./inner/words.ts"; export const text: string = words.text;',
  );
  return directory;
}

test("arguments reach the script as they are, and standard input is free", () => {
  const directory = checkout("call");
  const words = shellScript(join(directory, "program/inner"), "words.sh");
  const command = words.call("a b", "$(id)", "it's", "", 7, "\n");
  const said = execFileSync("sh", ["-c", `true && ${command}`], { input: "in", encoding: "utf8" });
  expect(said).toBe("<a b><$(id)><it's><><7><\n>in");
  expect(command.split("\n")[0]).toBe("# words.sh");
});

test("what a script exits with is what its caller gets", () => {
  const words = shellScript(join(checkout("exit"), "program/inner"), "words.sh");
  const code = (command: string) => {
    try {
      execFileSync("sh", ["-c", command], { input: "" });
      return 0;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };
  expect(code(words.call(..."123456789"))).toBe(3);
  expect(code(`{ ${words.call(..."123456789")}\n} || exit 4`)).toBe(4);
});

test("a program's bundle finds it where its source is", async () => {
  const directory = checkout("program");
  const entry = await bundleProgram(join(directory, "program"));
  expect(readFileSync(entry, "utf8")).not.toContain("printf");
  expect((await import(pathToFileURL(entry).href)).text).toBe(script);
});

test("the plugin's bundle finds it where its source is, wherever it was made", async () => {
  const directory = checkout("plugin");
  const place = join(directory, "program/.bundle");
  const made = join(root, "made.mjs");
  await build({ ...bundleOptions(place), entryPoints: [join(directory, "program/index.ts")], outfile: made });
  mkdirSync(place);
  writeFileSync(join(place, "main.mjs"), readFileSync(made));
  expect((await import(pathToFileURL(join(place, "main.mjs")).href)).text).toBe(script);
});

test("a release takes along every script that its code reads", () => {
  const packed = new Set(sourceEntries(top, "holdfast").map(({ path }) => path.slice("holdfast/".length)));
  const needed = shellFiles(top).filter((path) => /^(provider|cli|lib|release|resources|components)\//.test(path));
  expect(needed).not.toEqual([]);
  expect(needed.filter((path) => !packed.has(path))).toEqual([]);
});

test("the static check sees scripts by their ending, and commands by who runs them", () => {
  const directory = join(root, "files");
  for (const [path, text] of Object.entries({
    "a.sh": "echo",
    "b/posix": "#!/bin/sh\n",
    "b/bash": "#!/usr/bin/env bash\n",
    "b/python": "#!/usr/bin/python3\n",
    "b/text.md": "#!/bin/sh\n",
    "node_modules/c.sh": "",
  })) {
    mkdirSync(join(directory, path, ".."), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  expect(shellFiles(directory)).toEqual(["a.sh", "b/bash", "b/posix"]);
  expect(shellFiles(top)).toEqual(expect.arrayContaining([".ci/run", "lab/host-boot.sh"]));
});

test("no script is a text in TypeScript, where nothing reads it but the host that runs it", () => {
  // One line, with the place of the system that it calls: there is no caller who could tell it.
  const allowed = ["lab/netbox/software.ts"];
  const parts = ["bench", "cli", "components", "foundation", "lab", "lib", "ops-runner", "platform-vm", "provider"];
  const files = [...parts, "release", "resources", "runners", "template-image", "toolchain"]
    .flatMap((part) =>
      readdirSync(join(top, part), { recursive: true, encoding: "utf8" }).map((path) => join(part, path)),
    )
    .filter((path) => path.endsWith(".ts") && !/node_modules|\.bundle/.test(path));
  const isScript = (text: string) => /^[^*\n]*#!\/(usr\/)?bin\/(env )?(ba)?sh\b|`set -eu?$/m.test(text);
  const scripts = files.filter((path) => isScript(readFileSync(join(top, path), "utf8")));
  expect(files.length).toBeGreaterThan(200);
  expect(scripts).toEqual(allowed);
});
