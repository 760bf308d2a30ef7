/**
 * The command line as commander reads it, made of what the commands declare. What commander finds wrong is said in this
 * repository's form: what is wrong, how the command is called, and what to type next.
 */
import { Argument, Command as CommanderCommand, type ErrorOptions, Help, type HelpContext, Option } from "commander";
import { Failure } from "../../lib/failure.ts";
import { type Command, type Commands, synopses, type Value } from "./declaration.ts";
import { examplesText, groupHelp, rootFooter, sentence } from "./help.ts";

/** A command or a group of commands on the command line. */
export class CommandNode extends CommanderCommand {
  /** What it does; undefined for a word that only groups others. */
  declared: Command | undefined;

  override createCommand(name: string): CommandNode {
    return new CommandNode(name);
  }

  /** Its words, beginning with `holdfast`. */
  get called(): string {
    return this.parent instanceof CommandNode ? `${this.parent.called} ${this.name()}` : this.name();
  }

  /** @throws Failure always: what is wrong, in place of commander's own words and its exit. */
  override error(message: string, { code = "" }: ErrorOptions = {}): never {
    // A word behind one that is a command and a group as well.
    if (code === "commander.excessArguments" && this.commands.length > 0)
      (this as unknown as { unknownCommand(): never }).unknownCommand();
    const [, said = message, suggestion = ""] = /^error: (.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(message) ?? [];
    throw this.failure(this.wording(code, said), suggestion);
  }

  /** @throws Failure where no command was given, in place of commander's exit. */
  override help(context?: HelpContext | ((text: string) => string)): never {
    if (typeof context !== "object" || !context.error) return super.help(context as HelpContext);
    const words = this.commands.map((child) => child.name()).join(", ");
    throw this.failure(`\`${this.called}\` needs a subcommand: ${words}`);
  }

  /**
   * A failure that shows how the command is called.
   * @param suggestion words or options that may be meant instead, as commander lists them.
   */
  failure(what: string, suggestion = "", next?: string): Failure {
    const usage = this.declared ? usageText(this.called, this.declared) : "";
    const meant = suggestion
      .replace(/^one of /, "")
      .split(", ")
      .filter(Boolean);
    const asked = meant.map((word) => `\`${word.startsWith("-") ? word : `${this.called} ${word}`}\``);
    const question = asked.length > 0 ? `did you mean ${asked.join(" or ")}? ` : "";
    return new Failure(`${what}${usage}`, next ?? `${question}${this.called} --help`);
  }

  /** Arguments and options that the command cannot do without, and did not get. */
  missing(): string[] {
    const { arguments: args = {}, options = {} } = this.declared ?? {};
    const names = Object.entries(args).filter(([, { optional }], index) => !optional && this.args[index] === undefined);
    const values = Object.entries(options).filter(
      (entry): entry is [string, Value] => entry[1].kind === "value" && entry[1].required === true,
    );
    const given = this.opts();
    return [
      ...names.map(([name]) => `<${name}>`),
      ...values
        .filter(([name]) => given[new Option(`--${name}`).attributeName()] === undefined)
        .map(([name, { placeholder }]) => `--${name} ${placeholder}`),
    ];
  }

  private wording(code: string, said: string): string {
    const [, quoted = ""] = /'(.*)'/s.exec(said) ?? [];
    switch (code) {
      case "commander.unknownCommand":
        return `there is no command \`${this.called} ${quoted}\``;
      case "commander.unknownOption":
        return `\`${this.called}\` has no option ${quoted}`;
      case "commander.optionMissingArgument":
        return `${quoted} needs its value`;
      case "commander.missingArgument":
        return lacks(this);
      case "commander.excessArguments":
        return `\`${this.called}\` does not know what to do with ${this.args.slice(this.registeredArguments.length).join(" ")}`;
      default:
        return said;
    }
  }
}

/** The sentence about what a command lacks. */
export function lacks(node: CommandNode): string {
  return `\`${node.called}\` needs ${node.missing().join(" and ")}`;
}

/**
 * The whole command line.
 * @param run what is done with a command that is called as it declares.
 */
export function commandTree(
  commands: Commands,
  version: string,
  run: (node: CommandNode) => Promise<void>,
): CommandNode {
  const root = new CommandNode("holdfast");
  root
    .version(`holdfast ${version}`, "--version", "prints the version")
    .helpOption("-h, --help", "shows this help, or that of a command")
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({
      formatHelp: (node, helper) =>
        node instanceof CommandNode && !node.declared
          ? groupHelp(node.called, commands, helper, node === root ? rootFooter : "")
          : Help.prototype.formatHelp.call(helper, node, helper),
    });
  for (const [words, command] of Object.entries(commands)) declare(nodeOf(root, words.split(" ")), command, run);
  return root;
}

function nodeOf(root: CommandNode, words: readonly string[]): CommandNode {
  return words.reduce<CommandNode>((node, word) => {
    const there = node.commands.find((child) => child.name() === word);
    return (there ?? groupOf(node, word)) as CommandNode;
  }, root);
}

/** A word behind others. Options behind it are its own: one of `dispatch` is none of `dispatch status`. */
function groupOf(node: CommandNode, word: string): CommanderCommand {
  return node.command(word).helpOption("-h, --help", "shows this help").helpCommand(false).enablePositionalOptions();
}

function declare(node: CommandNode, command: Command, run: (node: CommandNode) => Promise<void>): void {
  node.declared = command;
  const { summary, details, runbook, arguments: args, options } = command;
  const [first = "", ...more] = synopses("", command);
  node
    .summary(summary)
    .description(
      [
        sentence(summary),
        ...(details ? [details] : []),
        ...(runbook ? [`Runbook: docs/runbooks/${runbook}.md`] : []),
      ].join("\n\n"),
    )
    .usage([first, ...more.map((form) => `\n       ${node.called}${form}`)].join("").trim())
    .addHelpText("after", `\n${examplesText(command)}`)
    .action(() => run(node));
  for (const [name, { help, optional }] of Object.entries(args))
    node.addArgument(new Argument(optional ? `[${name}]` : `<${name}>`, help));
  for (const [name, option] of Object.entries(options)) {
    if (option.kind === "flag") node.addOption(new Option(`--${name}`, option.help));
    else {
      const declared = new Option(`--${name} <${option.placeholder}>`, option.help);
      if (option.many) declared.argParser((one: string, before: string[] = []) => [...before, one]);
      node.addOption(declared);
    }
  }
}

function usageText(called: string, command: Command): string {
  const lines = synopses("", command).map((form) => `${called}${form}`);
  return `\n  usage: ${lines.join("\n         ")}`;
}
