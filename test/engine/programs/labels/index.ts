import * as pulumi from "@pulumi/pulumi";
import { ActionsRunner } from "../../../../components/runner/actions-runner.ts";
import { HoldfastProvider, Resource } from "../../../../resources/sdk.ts";
import { hostKeyKind } from "../../../../resources/ssh/host-key.ts";

const config = new pulumi.Config();
const provider = new HoldfastProvider("holdfast", {
  forgeToken: config.requireSecret("token"),
  forgeUrl: config.require("url"),
});
const machine = new Resource(hostKeyKind, "machine", { comment: "vm" }, { provider });
const target = { port: config.requireNumber("port"), user: "root", stack: "labels/dev" };
const vm = { ...target, host: "127.0.0.15", hostKey: config.require("hostKey") };
const runner = new ActionsRunner(
  "runner",
  {
    runnerName: "runner-1",
    owner: "test.labels.dev",
    forgeUrl: config.require("url"),
    scope: "",
    labels: config.require("labels").split(","),
    jobImage: config.get("jobImage") ?? `forge.example.org/job@sha256:${"1".repeat(64)}`,
    capacity: 1,
    drainSeconds: 0,
    execution: { kind: "container", image: `forge.example.org/runner@sha256:${"0".repeat(64)}` },
    machine,
    vm: { vmId: "vm-1", vm, hypervisor: { ...target, host: "127.0.0.1" }, dialErrorLimit: 1 },
  },
  { providers: { holdfast: provider } },
);

export const uuid = runner.uuid;
