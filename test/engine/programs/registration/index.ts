import * as pulumi from "@pulumi/pulumi";
import { HoldfastProvider, HostKey, RunnerRegistration } from "../../../../components/plugin/resources.ts";
import { recorded } from "../../../../lib/preflight/recorded.ts";

const config = new pulumi.Config();
const provider = new HoldfastProvider("holdfast", {
  forgeToken: config.requireSecret("token"),
  forgeUrl: config.require("url"),
});
const key = new HostKey("machine", { comment: "vm" }, { provider });
const registration = new RunnerRegistration(
  "runner",
  {
    forgeUrl: config.require("url"),
    scope: config.get("scope") ?? "",
    name: config.require("name"),
    owner: "test.registration.dev",
  },
  { provider, dependsOn: key, deleteBeforeReplace: true },
);

export const uuid = registration.uuid;
export const token = registration.token;
export const publicKey = key.publicKey;

/** What the state had when this program began. */
export const recordedUuid = pulumi.output(recorded()).apply(({ runnerUuid }) => runnerUuid);
