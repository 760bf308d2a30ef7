/**
 * Carries out one operation of one of the plugin's resource kinds, without an engine: `{type, verb, inputs}` on standard
 * input, the drift that a look afterwards finds on standard output. For tests whose matter is what happens on the host.
 */
import { text } from "node:stream/consumers";
import { catalogue } from "../../../provider/catalogue.ts";
import type { Operation } from "../../../provider/kind.ts";

const { type, verb, inputs } = JSON.parse(await text(process.stdin));
const kind = catalogue.kinds.find((candidate) => candidate.type === type);
if (!kind) throw new Error(`there is no kind ${type}`);
const operation: Operation = {
  urn: "",
  signal: new AbortController().signal,
  config: {},
  log: (severity, line) => process.stderr.write(`${severity}: ${line}\n`),
  recordVersion: () => {},
  attachEvidence: () => undefined,
  appendEvidence: () => undefined,
};
const state = { ...kind.inputs.parse(inputs), drift: [] };
if (verb === "create") await kind.create(state, operation);
if (verb === "delete") await kind.delete("", state, operation);
const found = verb === "delete" ? undefined : await kind.read("", state, operation);
process.stdout.write(JSON.stringify(found?.state.drift ?? []));
process.exit(0);
