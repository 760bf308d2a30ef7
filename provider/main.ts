/**
 * Entry of the plugin process: serves on loopback, prints the port for the engine, ends when the engine goes away.
 */
import { catalogue } from "./catalogue.ts";
import { Recorder } from "./evidence/recorder.ts";
import { serve, stateVersion } from "./server.ts";

const port = await serve(
  catalogue,
  process.argv.slice(2).find((argument) => !argument.startsWith("-")),
  new Recorder({ holdfast: catalogue.version, state: String(stateVersion) }),
);
process.stdout.write(`${port}\n`);

// An engine that is killed says nothing: the plugin notices that it has another parent.
const engine = process.ppid;
setInterval(() => process.ppid === engine || process.exit(1), 1_000).unref();
