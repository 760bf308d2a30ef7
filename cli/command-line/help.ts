/**
 * Help texts.
 */
import type { Help } from "commander";
import { type Command, type Commands, synopses } from "./declaration.ts";

/** What stands below the list of all commands. */
export const rootFooter = `
\`holdfast <command> --help\` says what a command takes, with examples; docs/cli.md has them all
--version prints the version; --json prints tables as JSON
exit code: 0 all is well, 1 something failed or differs, 2 could not look, or did not begin, 130 interrupted
`;

/** Help of a word that only groups others: every command below it. */
export function groupHelp(called: string, commands: Commands, helper: Help, footer: string): string {
  const path = called.split(" ").slice(1).join(" ");
  const below = Object.entries(commands).filter(([words]) => path === "" || words.startsWith(`${path} `));
  const width = Math.max(...below.map(([words]) => words.length));
  const items = below.map(([words, { summary }]) => helper.formatItem(words, width, summary, helper));
  return [`Usage: ${called} <command> [...]`, "", ...helper.formatItemList("Commands:", items, helper), footer.trim()]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

/** The examples of a command. */
export function examplesText({ examples }: Command): string {
  return ["Examples:", ...examples.map(({ line, does }) => `  ${line}\n      ${does}`), ""].join("\n");
}

/** `docs/cli.md`: what every command's help says. */
export function reference(commands: Commands): string {
  const entries = Object.entries(commands);
  const rows = entries.map(
    ([words, { summary }]) => `| [\`${words}\`](#holdfast-${words.replaceAll(" ", "-")}) | ${cell(summary)} |`,
  );
  return `<!-- Written by \`npm run derived\` from what the commands declare in cli/commands. -->
# The commands of holdfast

\`npx holdfast <command> --help\` says the same at the terminal. Options may stand anywhere. Results go to standard output, everything
else to standard error; \`--json\` prints tables as JSON. Exit codes: 0 all is well, 1 something failed or differs, 2
could not look, or did not begin, 130 interrupted. \`holdfast completion bash|zsh|fish\` completes all of it in a shell.

| command | what it does |
|---|---|
${rows.join("\n")}
${entries.map(([words, command]) => section(words, command)).join("")}`;
}

function section(words: string, command: Command): string {
  const { summary, details, runbook, arguments: args, options, behind, examples } = command;
  const rows = [
    ...Object.entries(args).map(([name, { help, optional }]) => [`<${name}>`, optional ? `${help} (optional)` : help]),
    ...Object.entries(options).map(([name, option]) => [
      option.kind === "flag" ? `--${name}` : `--${name} ${option.placeholder}${option.many ? " ..." : ""}`,
      option.help,
    ]),
    ...(behind ? [["-- ...", behind.help]] : []),
  ];
  const table = rows.map(([name, help = ""]) => `| \`${name}\` | ${cell(help)} |\n`).join("");
  const usage = synopses(words, command).map((form) => `holdfast ${form}\n`);
  return `
## holdfast ${words}
${[sentence(summary), ...(details ? [details] : []), ...(runbook ? [`[Runbook](runbooks/${runbook}.md).`] : [])].join("\n")}
\`\`\`
${usage.join("")}\`\`\`
${table === "" ? "" : `| | |\n|---|---|\n${table}`}
\`\`\`sh
${examples.map(({ line, does }) => `${line}   # ${does}\n`).join("")}\`\`\`
`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

/** A line of a list as a sentence. */
export function sentence(text: string): string {
  const ended = /[.?!]$/.test(text) ? text : `${text}.`;
  return `${ended.charAt(0).toUpperCase()}${ended.slice(1)}`;
}
