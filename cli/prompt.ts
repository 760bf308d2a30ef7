/**
 * Questions to the person at the terminal. What is typed to a secret one is shown nowhere.
 */
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { Failure } from "../lib/failure.ts";

/** Where questions go and answers come from. */
export interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream;
}

/** Questions go to standard error: standard output may be read by a program. */
const own: Terminal = { input: process.stdin, output: process.stderr };

/**
 * Asks one question and gives the line that was typed.
 * @param echo whether what is typed is shown.
 * @param otherwise what to do where nobody can be asked.
 * @throws Failure without a terminal, and when the input ends without an answer.
 */
export function ask(
  question: string,
  { echo, otherwise }: { echo: boolean; otherwise: string },
  { input, output }: Terminal = own,
): Promise<string> {
  if (input.isTTY !== true) {
    return Promise.reject(new Failure("nothing was changed: there is no terminal to ask at", otherwise));
  }
  output.write(question);
  const shown = echo ? output : new Writable({ write: (_text, _encoding, done) => done() });
  const lines = createInterface({ input, output: shown, terminal: true });
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      lines.removeAllListeners("close");
      lines.close();
      if (!echo) output.write("\n");
      settle();
    };
    lines.once("line", (line) => end(() => resolve(line)));
    lines.once("SIGINT", () => end(() => reject(new Failure("nothing was changed: interrupted"))));
    lines.once("close", () => end(() => reject(new Failure("nothing was changed: the question was not answered"))));
  });
}
