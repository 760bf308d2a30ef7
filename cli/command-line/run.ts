/**
 * From what was typed to a command's exit code.
 */
import { CommanderError, Option } from "commander";
import type { Command, Commands } from "./declaration.ts";
import { positionalsFirst } from "./tokens.ts";
import { type CommandNode, commandTree, lacks } from "./tree.ts";
import { UsageFailure } from "./usage-failure.ts";

/**
 * Finds the command and runs it.
 * @param argv what was typed behind `holdfast`.
 * @param version of holdfast.
 * @returns the exit code; 0 for help and version, which go to standard output.
 * @throws Failure for what no command takes, with the usage of the nearest one; what the command throws.
 */
export async function runCommandLine(argv: readonly string[], commands: Commands, version: string): Promise<number> {
  const end = argv.indexOf("--");
  const behind = end < 0 ? undefined : argv.slice(end + 1);
  let exitCode = 0;
  const tree = commandTree(commands, version, async (node) => {
    exitCode = await runNode(node, behind);
  });
  try {
    await tree.parseAsync(positionalsFirst(end < 0 ? argv : argv.slice(0, end), commands), { from: "user" });
  } catch (error) {
    // Help or version: commander has said it.
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  return exitCode;
}

async function runNode(node: CommandNode, behind: readonly string[] | undefined): Promise<number> {
  const command = node.declared as Command;
  if (node.missing().length > 0) throw node.failure(lacks(node));
  if (behind && !command.behind) throw node.failure(`\`${node.called}\` takes nothing behind a --`);
  if (command.behind && (behind ?? []).length === 0)
    throw node.failure(`\`${node.called}\` needs -- ${command.behind.form}`);
  const given = node.opts();
  const options = Object.entries(command.options).map(([name, { kind }]) => {
    const value = given[new Option(`--${name}`).attributeName()];
    return [name, kind === "flag" ? value === true : value];
  });
  const names = Object.keys(command.arguments);
  const values = Object.fromEntries(names.map((name, index) => [name, node.args[index]]));
  try {
    return await command.run(values, Object.fromEntries(options), behind ?? []);
  } catch (error) {
    if (error instanceof UsageFailure) throw node.failure(error.what, "", error.next);
    throw error;
  }
}
