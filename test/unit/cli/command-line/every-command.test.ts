/**
 * Every command that there is, by its own declaration: help, usage errors, suggestions, `--json` and completion. Nothing is run.
 */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { offer } from "../../../../cli/command-line/complete.ts";
import { type Command, type Commands, synopses } from "../../../../cli/command-line/declaration.ts";
import { runCommandLine } from "../../../../cli/command-line/run.ts";
import { commands } from "../../../../cli/commands/index.ts";

/** The same declarations; whoever runs one of them fails. */
const inert: Commands = Object.fromEntries(
  Object.entries(commands).map(([words, declared]) => [words, { ...declared, run: () => expect.unreachable(words) }]),
);
let stdout = "";

beforeEach(() => {
  stdout = "";
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    stdout += String(chunk);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const run = (argv: readonly string[], all = inert) => runCommandLine(argv, all, "1.2.3");
const failure = async (argv: readonly string[]): Promise<string> => {
  const said = await run(argv).then(
    () => "nothing is wrong",
    (error: Error) => error.message,
  );
  expect(stdout).toBe("");
  return said;
};
/** Text as it is where lines may break anywhere. */
const unwrapped = (text: string) => text.replaceAll(/\s+/g, " ");
const requiredOptions = ({ options }: Command) =>
  Object.entries(options).flatMap(([name, option]) =>
    option.kind === "value" && option.required ? [`--${name}`, "x"] : [],
  );
const requiredArguments = ({ arguments: args }: Command) =>
  Object.entries(args).flatMap(([name, { optional }]) => (optional ? [] : [name]));

describe.each(Object.entries(commands))("holdfast %s", (words, declared) => {
  const called = `holdfast ${words}`;
  const path = words.split(" ");

  test("has help with its forms, arguments, options and examples", async () => {
    expect(await run([...path, "--help"])).toBe(0);
    for (const form of synopses(called, declared)) expect(unwrapped(stdout)).toContain(unwrapped(form));
    const { arguments: args, options, examples } = declared;
    for (const { help } of [...Object.values(args), ...Object.values(options)])
      expect(unwrapped(stdout)).toContain(unwrapped(help));
    for (const { line, does } of examples) expect(stdout).toContain(`  ${line}\n      ${does}\n`);
  });

  test("has examples of itself, and forms of its own options", () => {
    for (const { line } of declared.examples) expect(line).toContain(called);
    const forms = synopses(words, declared).join("\n");
    const named = [
      ...forms
        .split(" -- ")
        .slice(0, 1)
        .join("")
        .matchAll(/--([a-z][a-z-]*)/g),
    ].map(([, name]) => name);
    expect(new Set(named)).toEqual(new Set(Object.keys(declared.options)));
  });

  test("says what is missing, and how it is called", async () => {
    const names = requiredArguments(declared);
    for (const [index, name] of names.entries()) {
      const said = await failure([...path, ...names.slice(0, index).map(() => "x"), ...requiredOptions(declared)]);
      expect(said).toContain(`\`${called}\` needs <${name}>`);
      for (const form of synopses(called, declared)) expect(said).toContain(form);
      expect(said).toContain(`${called} --help`);
    }
    const needed = requiredOptions(declared).filter((one) => one !== "x");
    if (names.length === 0 && needed.length > 0) {
      const said = await failure(path);
      for (const option of needed) expect(said).toContain(option);
      expect(said).toMatch(new RegExp(`^\`${called}\` needs --`));
    }
  });

  test("names an option that it does not have, and the nearest one", async () => {
    for (const name of [...Object.keys(declared.options), "help"]) {
      const said = await failure([...path, `--${name}z`]);
      expect(said).toContain(`\`${called}\` has no option --${name}z`);
      expect(said).toContain(`did you mean \`--${name}\``);
      expect(said).toContain(`usage: ${called}`);
    }
  });

  test("says so where an option comes without its value", async () => {
    for (const [name, { kind }] of Object.entries(declared.options)) {
      if (kind === "flag") continue;
      const said = await failure([...path, ...requiredArguments(declared), `--${name}`]);
      expect(said).toMatch(new RegExp(`^--${name} <.+> needs its value\n  usage: ${called}`));
    }
  });

  test("is found though a letter of it is wrong", async () => {
    const wrong = [...path.slice(0, -1), `${path.at(-1)}x`];
    expect(await failure(wrong)).toContain(`there is no command \`holdfast ${wrong.join(" ")}\``);
    expect(await failure(wrong)).toContain(`did you mean \`${called}\``);
  });

  test("takes no word too many", async () => {
    const names = Object.keys(declared.arguments);
    const said = await failure([...path, ...names.map(() => "x"), ...requiredOptions(declared), "surplus"]);
    expect(said).toMatch(/surplus/);
    expect(said).toContain(`usage: ${called}`);
  });

  test("takes a command behind -- only where it says so", async () => {
    const argv = [...path, ...requiredArguments(declared), ...requiredOptions(declared)];
    if (declared.behind) expect(await failure(argv)).toContain(`needs -- ${declared.behind.form}`);
    else expect(await failure([...argv, "--", "ls"])).toContain("takes nothing behind a --");
  });

  test("takes --json exactly where it prints a table", () => {
    expect("json" in declared.options).toBe(declared.table === true);
  });

  test("is completed, with its options", async () => {
    for (const [index, word] of path.entries()) {
      const { words: offered } = await offer(commands, [...path.slice(0, index), word.slice(0, 1)]);
      expect(offered.map((one) => one.word)).toContain(word);
    }
    const { words: offered } = await offer(commands, [...path, "--"]);
    const dashes = declared.behind ? ["--"] : [];
    expect(offered.map((one) => one.word).sort()).toEqual(
      [...Object.keys(declared.options).map((name) => `--${name}`), ...dashes, "--help"].sort(),
    );
  });
});

/** Every file that is read with one, and every package, by its imports; those that are made when needed as well, if asked for. */
function importsOf(file: string, withLater: boolean, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.startsWith("/") || !/\.ts$/.test(file)) return seen;
  const text = readFileSync(file, "utf8").replaceAll(/^import type .*$/gm, "");
  const names = [...text.matchAll(/^(?:import|export|\}) (?:.* )?from "([^"]+)"/gm)];
  if (withLater) names.push(...text.matchAll(/\bimport\("([^"]+)"\)/g));
  for (const [, name = ""] of names)
    importsOf(name.startsWith(".") ? resolve(dirname(file), name) : name, withLater, seen);
  return seen;
}

const folder = join(import.meta.dirname, "../../../../cli/commands");

test("what commands there are is known without loading any package, or what they do", () => {
  const read = [...importsOf(join(folder, "index.ts"), false)].filter((name) => !name.startsWith("node:"));
  expect(read.filter((name) => !name.startsWith("/"))).toEqual([]);
  expect(read.length).toBeGreaterThan(Object.keys(commands).length);
  expect(read.length).toBeLessThan(2 * Object.keys(commands).length);
});

test("a command that leads to a table of checks says that it prints one", () => {
  for (const [words, { table }] of Object.entries(commands)) {
    const files = importsOf(join(folder, `${words.replaceAll(" ", "/")}.ts`), true);
    if ([...files].some((file) => file.endsWith("cli/check-table.ts"))) expect(table, words).toBe(true);
  }
});

test("an option is of one kind in every command, since it may stand before the command's words", () => {
  const kinds = new Map<string, string>();
  for (const { options } of Object.values(commands))
    for (const [name, { kind }] of Object.entries(options)) {
      expect(kinds.get(name) ?? kind, name).toBe(kind);
      kinds.set(name, kind);
    }
});

test("help lists every command, and the version is said", async () => {
  expect(await run(["--help"])).toBe(0);
  for (const [words, { summary }] of Object.entries(commands))
    expect(unwrapped(stdout)).toContain(`${words} ${summary}`);
  stdout = "";
  expect(await run(["--version"])).toBe(0);
  expect(stdout).toBe("holdfast 1.2.3\n");
});

test("a group lists its commands, alone, with --help, and behind a word that is none", async () => {
  expect(await failure(["blueprint"])).toContain("deploy, destroy, init, preflight, status, validate");
  expect(await failure(["doctor", "guest"])).toContain("there is no command `holdfast doctor guest`");
  expect(await failure([])).toContain("`holdfast` needs a subcommand");
  // Help is asked for in one way: no command of that name stands behind a group.
  expect(await failure(["blueprint", "help"])).toContain("there is no command `holdfast blueprint help`");
  await run(["blueprint", "--help"]);
  expect(stdout).toContain("blueprint deploy");
  expect(stdout).not.toContain("netbox");
});
