/**
 * What a command says of itself, once: the command line, its help, usage errors, completion and docs/cli.md follow from it. A
 * module that declares a command imports nothing that takes time to load; `run` imports what it needs.
 */

/**
 * What completes a value on the command line: words, names of files or directories, or words that are looked up when asked,
 * from the arguments that were typed before it. A look-up opens no connection and takes a few milliseconds at most.
 */
export type Completion =
  | "file"
  | "directory"
  | readonly string[]
  | ((before: readonly string[]) => readonly string[] | Promise<readonly string[]>);

/** A positional argument. */
export interface Argument {
  /** What it is, without a full stop. */
  help: string;
  /** @default false */
  optional?: boolean;
  /** @default nothing is offered */
  complete?: Completion;
}

/** An option without a value. */
export interface Flag {
  kind: "flag";
  /** What it does, without a full stop. */
  help: string;
}

/** An option with a value. */
export interface Value {
  kind: "value";
  /** Stands for the value in usage and help, for example `FILE`. */
  placeholder: string;
  /** What it is, without a full stop; its default too. */
  help: string;
  /** Without it the command is not begun. @default false */
  required?: boolean;
  /** May be given several times. @default false */
  many?: boolean;
  /** @default nothing is offered */
  complete?: Completion;
}

/** What a command may be told of a {@link Value} beside its placeholder and help. */
export type ValueTraits = Partial<Pick<Value, "required" | "many" | "complete">>;

/** Arguments by name, in the order in which they are given. */
export type Arguments = Readonly<Record<string, Argument>>;
/** Options by name, without the two hyphens. */
export type Options = Readonly<Record<string, Flag | Value>>;

/** A command line, as somebody would type it. */
export interface Example {
  line: string;
  /** What it does, without a full stop. */
  does: string;
}

/** A command line of holdfast's own that stands behind a `--`. */
export interface Behind {
  /** As usage shows it. */
  form: string;
  help: string;
  /** Which commands may stand there: what completion offers. */
  commands: readonly string[];
}

type ArgumentValues<A extends Arguments> = {
  readonly [Name in keyof A]: A[Name] extends { optional: true } ? string | undefined : string;
};

type OptionValue<O> = O extends { kind: "flag" }
  ? boolean
  : O extends { many: true }
    ? O extends { required: true }
      ? string[]
      : string[] | undefined
    : O extends { required: true }
      ? string
      : string | undefined;

type OptionValues<O extends Options, Table extends boolean> = {
  readonly [Name in keyof O]: OptionValue<O[Name]>;
} & (Table extends true ? { readonly json: boolean } : unknown);

/** Everything about a command but the words that it is called by: those are the path of its file below `commands/`. */
export interface Declaration<A extends Arguments, O extends Options, Table extends boolean> {
  /** What it does, in a line of a list: without a full stop. */
  summary: string;
  /** What its help says below that: sentences. */
  details?: string;
  /** Name of the runbook that tells the whole story, below docs/runbooks. */
  runbook?: string;
  arguments?: A;
  options?: O;
  /** What may follow its words, where that is more than one form: in place of what follows from arguments and options. */
  forms?: readonly string[];
  behind?: Behind;
  /** Whether it prints a table or a record on standard output; it takes `--json` then. @default false */
  table?: Table;
  examples: readonly [Example, ...Example[]];
  /**
   * Does it. Results go to standard output, everything else to standard error.
   * @param behind what stood behind `--`.
   * @returns the exit code: 0 all is well, 1 something failed or differs, 2 could not look, 130 interrupted.
   */
  run(values: ArgumentValues<A>, options: OptionValues<O, Table>, behind: readonly string[]): number | Promise<number>;
}

/** A command of whatever arguments and options. */
export interface Command extends Omit<Declaration<Arguments, Options, boolean>, "arguments" | "options" | "run"> {
  readonly arguments: Arguments;
  readonly options: Options;
  run(
    values: Readonly<Record<string, string | undefined>>,
    options: Readonly<Record<string, unknown>>,
    behind: readonly string[],
  ): number | Promise<number>;
}

/** Commands by their words, for example `blueprint deploy`. */
export type Commands = Readonly<Record<string, Command>>;

/** Declares a command. */
export function command<
  const A extends Arguments = Record<never, never>,
  const O extends Options = Record<never, never>,
  const Table extends boolean = false,
>(declaration: Declaration<A, O, Table>): Command {
  const json = declaration.table ? { json: flag("prints JSON, for machines") } : {};
  return {
    ...declaration,
    arguments: declaration.arguments ?? {},
    options: { ...declaration.options, ...json },
    // The values are of these types: the command line makes them by the same declaration.
    run: declaration.run as Command["run"],
  };
}

/** Declares an option without a value. */
export function flag(help: string): Flag {
  return { kind: "flag", help };
}

/** Declares an option with a value. */
export function value<const Traits extends ValueTraits = Record<never, never>>(
  placeholder: string,
  help: string,
  traits?: Traits,
): { kind: "value"; placeholder: string; help: string } & Traits {
  return { kind: "value", placeholder, help, ...(traits as Traits) };
}

/** Command lines that start a command, without its name's `holdfast`: one for each form. */
export function synopses(words: string, { arguments: args, options, forms, behind, table }: Command): string[] {
  const json = table ? ["[--json]"] : [];
  if (forms) return forms.map((form) => [words, form, ...json].join(" "));
  const parts = [
    ...Object.entries(args).map(([name, { optional }]) => (optional ? `[<${name}>]` : `<${name}>`)),
    ...Object.entries(options).map(([name, option]) => optionForm(name, option)),
    ...(behind ? [`-- ${behind.form}`] : []),
  ];
  return [[words, ...parts].join(" ")];
}

function optionForm(name: string, option: Flag | Value): string {
  if (option.kind === "flag") return `[--${name}]`;
  const form = `--${name} ${option.placeholder}${option.many ? " ..." : ""}`;
  return option.required ? form : `[${form}]`;
}
