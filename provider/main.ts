/**
 * Entry of the plugin process: serves on loopback, prints the port for the engine, ends when the engine goes away.
 */
import { Activity } from "./activity.ts";
import { catalogue } from "./catalogue.ts";
import { engineAddress } from "./engine-log.ts";
import { Recorder } from "./evidence/recorder.ts";
import { watchLibvirt } from "./host/libvirt-watch.ts";
import { serve, stateVersion } from "./server.ts";
import { recordHostKeys } from "./ssh/known-hosts.ts";

const engine = process.ppid;
const activity = new Activity();
const port = await serve(catalogue, engineAddress(process.argv.slice(2)), {
  activity,
  recorder: new Recorder({ holdfast: catalogue.version, state: String(stateVersion) }),
  configured(config, log) {
    recordHostKeys(config);
    for (const { hostKey: _, ...target } of config.hypervisors ?? [])
      void watchLibvirt(target, engine, activity, (text) => log.write("error", text, ""));
  },
});
process.stdout.write(`${port}\n`);

// An engine that is killed says nothing: the plugin notices that it has another parent.
setInterval(() => process.ppid === engine || process.exit(1), 1_000).unref();
