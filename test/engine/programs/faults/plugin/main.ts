/**
 * A plugin with one kind of resource. Each create is noted in the journal; the file `<journal>.fault` says how the one called
 * `broken` breaks: in an `event` of its own, in one of `nobody`, or by the `end` of the process.
 */
import { EventEmitter } from "node:events";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { implement } from "../../../../../provider/kind.ts";
import { runPlugin } from "../../../../../provider/process.ts";
import { declareKind } from "../../../../../resources/kind.ts";

const thingKind = declareKind({
  type: "holdfast:test:Thing",
  description: "A thing that breaks.",
  inputs: z.strictObject({
    name: z.string().describe("Its name."),
    journal: z.string().describe("File that notes each create."),
    ms: z.number().describe("How long a create takes, in milliseconds."),
  }),
  example: { name: "beside", journal: "/tmp/journal", ms: 300 },
});

/** Made before any call, so that what happens in it belongs to none. */
const nobodys = new EventEmitter();
setInterval(() => nobodys.emit("tick"), 50).unref();

const thing = implement(thingKind, {
  async create(given) {
    appendFileSync(given.journal, `${given.name}\n`);
    await pause(given.ms);
    const file = `${given.journal}.fault`;
    if (given.name === "broken" && existsSync(file)) await breakBy(readFileSync(file, "utf8"));
    return { id: given.name, state: given };
  },
  read: async (id, state) => (state ? { id, state, inputs: thingKind.inputs.parse(state) } : undefined),
  update: async (_id, _state, given) => given,
  async delete() {},
});

function breakBy(fault: string): Promise<never> {
  const fail = () => {
    throw new RangeError("Invalid string length");
  };
  if (fault === "end") process.kill(process.pid, "SIGKILL");
  if (fault === "event") setImmediate(fail);
  if (fault === "nobody") nobodys.once("tick", fail);
  return new Promise(() => {});
}

await runPlugin({ version: "0.0.1", kinds: [thing], functions: [] }, 4_000);
