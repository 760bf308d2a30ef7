/**
 * Shell that runs elsewhere. What is longer than a line is a `.sh` file beside the module that uses it, where shellcheck reads
 * it as it is run: what differs from run to run is an argument, never a part of its text.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A script of this repository. */
export interface ShellScript {
  /** Its file's content. */
  readonly text: string;
  /**
   * The command line that runs it with these arguments, for any POSIX shell; standard input is free. Other users of the machine
   * see its arguments: a secret is none of them.
   */
  call(...args: readonly (string | number)[]): string;
}

/**
 * A script that lies beside a module. It is read when it is first needed: modules of a bundle know where their sources are.
 * @param directory the module's `import.meta.dirname`, by that name: bundles fill it in.
 * @param name the file's, for example `egress-fence.sh`.
 */
export function shellScript(directory: string, name: string): ShellScript {
  let content: string | undefined;
  const text = () => (content ??= readFileSync(join(directory, name), "utf8"));
  return {
    get text() {
      return text();
    },
    call(...args) {
      // The first line is what errors quote.
      return [`# ${name}\nsh -c ${shellQuote(text())} ${name}`, ...args.map((arg) => shellQuote(String(arg)))].join(
        " ",
      );
    },
  };
}

/** Quotes one word for a POSIX shell. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
