/**
 * A process that makes a component slowly: it says `making`, and goes on when its standard input ends.
 * usage: tsx toolchain-maker.fixture.ts <file that gets a line for each build>
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ensureMade } from "../../toolchain/store.ts";

const [log = ""] = process.argv.slice(2);

const made = await ensureMade({
  name: "example",
  version: "1.0.0",
  recipe: {},
  sources: [],
  binaries: ["tool"],
  ways: [
    {
      name: "built",
      async make(directory) {
        appendFileSync(log, `${process.pid}\n`);
        writeFileSync(join(directory, "tool"), "half");
        process.stdout.write("making\n");
        await text(process.stdin);
        writeFileSync(join(directory, "tool"), "whole");
        return { made: true };
      },
    },
  ],
});
process.stdout.write(`made ${made.directory}\n`);
