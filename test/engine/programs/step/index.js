import { existsSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

// In a clone this is in a folder beside it, as the programs that are shipped are, and starts as quickly as they do.
const { deferPackages } = await import(new URL("../lib/program/deferred.js", import.meta.url));
deferPackages();
const pulumi = await import("@pulumi/pulumi");

const config = new pulumi.Config();
const upstream = config.get("upstream");
const read = upstream ? new pulumi.StackReference(`organization/${upstream}`).requireOutput("value") : undefined;
const kept = new pulumi.Stash("kept", {
  input: pulumi.output(read).apply((more) => [config.get("value"), more].join()),
});

// Says that it is there, and stays until it is let go, where a test asks for that.
const wait = config.get("wait");
if (wait && !pulumi.runtime.isDryRun()) {
  // A Pulumi that is killed while it writes its state leaves a backend in files that nobody can read until it is mended.
  await new Promise((resolve) => kept.output.apply(resolve));
  writeFileSync(`${wait}.began`, "");
  while (!existsSync(wait)) await setTimeout(20);
}
// Seconds: work as long as that of a step that waits for machines.
await setTimeout(Number(config.get("takes") ?? 0) * 1000);
if (existsSync(`${config.get("broken")}`))
  throw new pulumi.RunError(`asked to fail, with ${config.get("token")} in its words`);

export const value = kept.output;
export const environment = process.env.HYOPS_ENV ?? "";
export const forced = process.env.HOLDFAST_FORCE_RUN ?? "";
export const token = config.getSecret("token");
