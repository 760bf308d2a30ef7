import * as pulumi from "@pulumi/pulumi";
import { recorded } from "../../../../lib/preflight/recorded.ts";
import { runnerRegistrationKind } from "../../../../resources/forge/runner-registration.ts";
import { HoldfastProvider, Resource } from "../../../../resources/sdk.ts";
import { hostKeyKind } from "../../../../resources/ssh/host-key.ts";

const config = new pulumi.Config();
const provider = new HoldfastProvider("holdfast", {
  forgeToken: config.requireSecret("token"),
  forgeUrl: config.require("url"),
});
const key = new Resource(hostKeyKind, "machine", { comment: "vm" }, { provider });
const registration = new Resource(
  runnerRegistrationKind,
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
