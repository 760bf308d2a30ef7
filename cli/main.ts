/**
 * `holdfast`: what an operator asks beside `pulumi`. Each command is a file in commands/; this one finds it and ends with its code.
 */
import { Failure } from "../lib/failure.ts";
import manifest from "../package.json" with { type: "json" };
import { commands } from "./commands/index.ts";

/** Exit code of a command that could not look, or was not understood. */
const couldNotLook = 2;
/** What shells ask by, while a command line is typed. */
const completionWord = "__complete";

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`✗ ${error instanceof Failure ? error.message : ((error as Error).stack ?? error)}\n`);
  process.exitCode = couldNotLook;
}

async function main([first, ...more]: string[]): Promise<number> {
  if (first === completionWord) {
    const { offer, offerText } = await import("./command-line/complete.ts");
    process.stdout.write(offerText(await offer(commands, more)));
    return 0;
  }
  const { runCommandLine } = await import("./command-line/run.ts");
  return runCommandLine(first === undefined ? [] : [first, ...more], commands, manifest.version);
}
