/**
 * What a command gets of what was typed.
 */
import { expect, test, vi } from "vitest";
import { offer, offerText } from "../../../../cli/command-line/complete.ts";
import { type Command, command, flag, value } from "../../../../cli/command-line/declaration.ts";
import { runCommandLine } from "../../../../cli/command-line/run.ts";
import { UsageFailure } from "../../../../cli/command-line/usage-failure.ts";

const calls = vi.fn<Command["run"]>(() => 7);
const examples = [{ line: "holdfast ship it", does: "it" }] as const;
const commands = {
  "ship it": command({
    summary: "ships",
    arguments: { where: { help: "a place", complete: ["home", "harbour"] }, when: { help: "a time", optional: true } },
    options: {
      "dry-run": flag("not really"),
      "to-port": value("PORT", "a port", { complete: "file" }),
      crate: value("C", "a crate", { many: true, complete: ([where]) => [`from-${where}`] }),
    },
    table: true,
    examples: [...examples],
    run: calls,
  }),
  ship: command({
    summary: "does what stands behind",
    options: { captain: value("NAME", "who", { required: true }) },
    behind: { form: "ship it <where>", help: "the rest", commands: ["ship it"] },
    examples: [...examples],
    run: calls,
  }),
  sink: command({
    summary: "sinks",
    examples: [...examples],
    run: () => {
      throw new UsageFailure("nothing sinks", "float");
    },
  }),
};
const run = (...argv: string[]) => runCommandLine(argv, commands, "1");
const nothing = { "dry-run": false, "to-port": undefined, crate: undefined, json: false };

test("arguments and options by their names, wherever they stand, and the exit code of the command", async () => {
  expect(await run("ship", "it", "home")).toBe(7);
  expect(calls).toHaveBeenLastCalledWith({ where: "home", when: undefined }, nothing, []);
  const given = { "dry-run": true, "to-port": "a=b", crate: ["1", "2"], json: true };
  for (const argv of [
    ["ship", "it", "home", "now", "--dry-run", "--to-port", "a=b", "--crate", "1", "--crate=2", "--json"],
    ["--to-port=a=b", "ship", "--crate", "1", "it", "--json", "home", "--dry-run", "now", "--crate", "2"],
  ]) {
    await run(...argv);
    expect(calls).toHaveBeenLastCalledWith({ where: "home", when: "now" }, given, []);
  }
});

test("an option of a command is none of the command behind it that begins with the same word", async () => {
  for (const argv of [
    ["ship", "it", "home", "--captain", "Ann"],
    ["--captain", "Ann", "ship", "it", "home"],
  ])
    await expect(run(...argv)).rejects.toThrow("`holdfast ship it` has no option --captain");
});

test("what stands behind -- as it is", async () => {
  await run("ship", "--captain", "Ann", "--", "ship", "it", "--json", "--", "x");
  expect(calls).toHaveBeenLastCalledWith({}, { captain: "Ann" }, ["ship", "it", "--json", "--", "x"]);
});

test("no option for a value that is missing", async () => {
  await expect(run("ship", "it", "home", "--to-port", "--dry-run")).rejects.toThrow(
    /^--to-port <PORT> needs its value/,
  );
});

test("usage below what a command itself finds wrong with its line", async () => {
  await expect(run("sink")).rejects.toThrow("nothing sinks\n  usage: holdfast sink\n  next: float");
});

test("completion of values: words, files, what depends on what was typed, and a command behind --", async () => {
  const words = async (...typed: string[]) => (await offer(commands, typed)).words.map(({ word }) => word);
  expect(await words("ship", "it", "h")).toEqual(["home", "harbour"]);
  expect(await words("ship", "it", "ho")).toEqual(["home"]);
  expect(await words("ship", "it", "home", "--crate", "")).toEqual(["from-home"]);
  expect(await words("ship", "it", "home", "now", "--dry-run", "--crate", "x", "")).toEqual([
    ...["--to-port", "--crate", "--json"],
  ]);
  expect(await words("ship", "--captain", "x", "--", "s")).toEqual(["ship"]);
  expect(await words("ship", "--captain", "x", "--", "ship", "it", "")).toEqual(["home", "harbour"]);
  expect(await words("shop", "")).toEqual([]);
  expect(offerText(await offer(commands, ["ship", "it", "--to-port", "x"]))).toBe(":file\n");
  expect(offerText(await offer(commands, ["si"]))).toBe("sink\tsinks\n");
});
