/**
 * A command line as words, before anybody knows which command it is.
 */
import type { Commands } from "./declaration.ts";

/**
 * Moves options behind everything else, since they may stand anywhere, before a command's words too; one whose value is missing
 * comes last, so that it takes no other option for it.
 */
export function positionalsFirst(argv: readonly string[], commands: Commands): string[] {
  const withValue = optionsWithValue(commands);
  const positionals: string[] = [];
  const options: string[] = [];
  const valueless: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const token = argv[index] ?? "";
    const next = argv[index + 1];
    if (!isOption(token)) positionals.push(token);
    else if (!withValue.has(token)) options.push(token);
    else if (next === undefined || isOption(next)) valueless.push(token);
    else {
      options.push(token, next);
      index += 1;
    }
  }
  return [...positionals, ...options, ...valueless];
}

/** Whether a word is an option. */
export function isOption(token: string): boolean {
  return token.startsWith("-") && token !== "-";
}

/** Options of any command that take a value, as they are typed: an option is of one kind everywhere. */
export function optionsWithValue(commands: Commands): Set<string> {
  const all = Object.values(commands).flatMap(({ options }) => Object.entries(options));
  return new Set(all.flatMap(([name, { kind }]) => (kind === "value" ? [`--${name}`] : [])));
}
