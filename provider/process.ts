/**
 * The plugin's process: serves on loopback, prints the port for the engine, answers for what nobody caught, and ends when the
 * engine goes away.
 */
import { redact } from "../lib/redact.ts";
import { secretsOfEnvironment } from "../lib/secret-environment.ts";
import type { ProviderConfig } from "../resources/provider-config.ts";
import { Activity } from "./activity.ts";
import { Calls, type Emergency } from "./calls.ts";
import { type EngineLog, engineAddress } from "./engine-log.ts";
import { Recorder } from "./evidence/recorder.ts";
import { watchLibvirt } from "./host/libvirt-watch.ts";
import { type Catalogue, serve, stateVersion } from "./server.ts";
import { recordHostKeys } from "./ssh/known-hosts.ts";

/**
 * Runs the plugin with what the catalogue offers. Resolves once it serves.
 * @param graceMs how long calls may go on after a fault of which nobody knows whose it was; for tests.
 */
export async function runPlugin(catalogue: Catalogue, graceMs?: number): Promise<void> {
  const engine = process.ppid;
  const activity = new Activity();
  const calls = new Calls();
  let told: { config: ProviderConfig; log: EngineLog } | undefined;
  const hide = (text: string) => redact(text, [...tokensIn(told?.config), ...secretsOfEnvironment()]);
  const say = (text: string) => told?.log.write("error", text, "");
  outliveErrors(calls, { hide, say, end: () => process.exit(1) }, graceMs);
  const port = await serve(catalogue, engineAddress(process.argv.slice(2)), {
    activity,
    calls,
    recorder: new Recorder({ holdfast: catalogue.version, state: String(stateVersion) }),
    configured(config, log) {
      told = { config, log };
      recordHostKeys(config);
      for (const { hostKey: _, ...target } of config.hypervisors ?? [])
        void watchLibvirt(target, engine, activity, (text) => log.write("error", text, ""));
    },
  });
  process.stdout.write(`${port}\n`);
  // An engine that is killed says nothing: the plugin notices that it has another parent.
  setInterval(() => process.ppid === engine || process.exit(1), 1_000).unref();
}

/** What is thrown where nobody catches it costs the call that it belongs to, not the process. The place goes to standard error. */
function outliveErrors(calls: Calls, emergency: Emergency, graceMs?: number): void {
  const broke = (error: unknown) => {
    const place = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${emergency.hide(place)}\n`);
    calls.broke(error, emergency, graceMs);
  };
  process.on("uncaughtException", broke);
  process.on("unhandledRejection", broke);
}

function tokensIn({ forgeToken, proxmoxToken, netboxToken }: ProviderConfig = {}): string[] {
  return [forgeToken, proxmoxToken, netboxToken].filter((token) => token !== undefined);
}
