/**
 * What may stand next on a command line: the scripts in completion/ ask it with each press of the Tab key.
 */
import type { Command, Commands, Completion, Options } from "./declaration.ts";
import { isOption, optionsWithValue } from "./tokens.ts";

/** What may stand next: words, or names of files that the shell knows better. */
export interface Offer {
  words: { word: string; help: string }[];
  files?: "file" | "directory";
}

/**
 * Looks what may stand at the last of the words.
 * @param typed everything behind `holdfast` up to the cursor; the last one may be empty.
 */
export async function offer(commands: Commands, typed: readonly string[]): Promise<Offer> {
  const current = typed.at(-1) ?? "";
  const before = typed.slice(0, -1);
  const end = before.indexOf("--");
  if (end >= 0) {
    const { behind } = resolve(commands, before.slice(0, end)).command ?? {};
    const allowed = Object.entries(commands).filter(([words]) => behind?.commands.includes(words));
    return offer(Object.fromEntries(allowed), typed.slice(end + 1));
  }
  const all = await everything(commands, before, current);
  return { ...all, words: all.words.filter(({ word }) => word.startsWith(current)) };
}

/** An offer as the scripts read it: a line `word<Tab>help` for each word; `:file` or `:directory` where the shell takes over. */
export function offerText({ words, files }: Offer): string {
  return [...words.map(({ word, help }) => `${word}\t${help}\n`), ...(files ? [`:${files}\n`] : [])].join("");
}

async function everything(commands: Commands, before: readonly string[], current: string): Promise<Offer> {
  const { path, command, values } = resolve(commands, before);
  const last = before.at(-1) ?? "";
  if (optionsWithValue(commands).has(last)) {
    const option = command?.options[last.slice(2)];
    return option?.kind === "value" ? completed(option.complete, values) : { words: [] };
  }
  const options = command ? openOptions(command.options, before) : [];
  if (isOption(current))
    return {
      words: [
        ...options,
        ...(command?.behind ? [{ word: "--", help: command.behind.help }] : []),
        { word: "--help", help: "says what it does" },
      ],
    };
  const below = values.length === 0 ? wordsBelow(commands, path) : [];
  const argument = Object.values(command?.arguments ?? {})[values.length];
  const own = argument ? await completed(argument.complete, values) : { words: below.length === 0 ? options : [] };
  return { ...own, words: [...below, ...own.words] };
}

/** The command that the words before lead to, as far as they do, and the arguments behind its own words. */
function resolve(commands: Commands, before: readonly string[]) {
  const withValue = optionsWithValue(commands);
  const positionals = before.filter((word, index) => !isOption(word) && !withValue.has(before[index - 1] ?? ""));
  const names = Object.keys(commands);
  let length = 0;
  const leads = (path: string) => names.some((words) => words === path || words.startsWith(`${path} `));
  while (length < positionals.length && leads(positionals.slice(0, length + 1).join(" "))) length += 1;
  const path = positionals.slice(0, length).join(" ");
  const command: Command | undefined = commands[path];
  return { path, command, values: positionals.slice(length) };
}

/** The next words of the commands below a group, each with what it does, or which there are. */
function wordsBelow(commands: Commands, path: string): Offer["words"] {
  const prefix = path === "" ? "" : `${path} `;
  const below = Object.keys(commands).filter((words) => words.startsWith(prefix));
  const next = new Set(below.map((words) => words.slice(prefix.length).split(" ")[0] ?? ""));
  return [...next].map((word) => {
    const children = below
      .filter((words) => words.startsWith(`${prefix}${word} `))
      .map((words) => words.split(" ").at(-1));
    return { word, help: commands[`${prefix}${word}`]?.summary ?? children.join(", ") };
  });
}

/** Options that may still be given. */
function openOptions(options: Options, before: readonly string[]): Offer["words"] {
  return Object.entries(options)
    .filter(([name, option]) => !before.includes(`--${name}`) || (option.kind === "value" && option.many === true))
    .map(([name, { help }]) => ({ word: `--${name}`, help }));
}

async function completed(complete: Completion | undefined, values: readonly string[]): Promise<Offer> {
  if (complete === undefined) return { words: [] };
  if (complete === "file" || complete === "directory") return { words: [], files: complete };
  const words = typeof complete === "function" ? await complete(values) : complete;
  return { words: words.map((word) => ({ word, help: "" })) };
}
