/**
 * What an Actions runner consists of: registration and service by type and name, what each is told, that the runner's
 * token is secret and that what mints tokens is told to neither.
 *
 * Not proven here: the order in which they go (the engine ring does), and that a job runs (the lab ring does).
 */
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, expect, test } from "vitest";
import { ActionsRunner, type ActionsRunnerArgs } from "../../components/runner/actions-runner.ts";
import { HoldfastProvider, Resource } from "../../resources/sdk.ts";
import { hostKeyKind } from "../../resources/ssh/host-key.ts";
import { isSecret, Recorder, resolved } from "./recorder.ts";

const mintingToken = "minting-token-0123456789";
const runnerToken = "token-of-the-runner-9876543210";
const host = { host: "192.0.2.2", port: 22, user: "root", stack: "runners/crunchy" };
const args: Omit<ActionsRunnerArgs, "machine"> = {
  runnerName: "foundation-runner-02",
  owner: "home.runners.crunchy",
  forgeUrl: "https://forge.example.org",
  scope: "ecosystem",
  labels: ["fenced"],
  jobImage: `node@sha256:${"e".repeat(64)}`,
  capacity: 2,
  drainSeconds: 600,
  execution: { kind: "container", image: `runner@sha256:${"d".repeat(64)}` },
  vm: {
    vmId: "5a35e2a6",
    vm: { ...host, host: "192.0.2.16", hostKey: "ssh-ed25519 AAAA" },
    hypervisor: host,
    dialErrorLimit: 100,
  },
};

let recorder: Recorder;

beforeEach(async () => {
  recorder = await Recorder.start("runners", {
    // The plugin marks the token; mocks have to do the same.
    "holdfast:forge:RunnerRegistration": { uuid: "0b1e", token: pulumi.secret(runnerToken), runnerId: 7 },
    "holdfast:runner:Service": { address: "192.0.2.16" },
  });
});

/** Makes the runner on a stand-in for its machine, and waits until everything of it is registered. */
async function made(changes: Partial<ActionsRunnerArgs> = {}) {
  const provider = new HoldfastProvider("holdfast", { forgeToken: mintingToken });
  const machine = new Resource(hostKeyKind, "machine", { comment: "machine" }, { provider });
  const runner = new ActionsRunner(
    "runner",
    { ...args, machine, ...changes },
    {
      providers: { holdfast: provider },
      transformations: [recorder.transformation],
    },
  );
  await resolved(runner.address);
  return { runner, machine };
}

test("it consists of exactly a registration and a service, with the explicit provider", async () => {
  await made();
  const own = recorder.resources.filter(({ name }) => name.startsWith("runner"));
  expect(own.map(({ type, name }) => `${type} ${name}`)).toEqual([
    "holdfast:components:ActionsRunner runner",
    "holdfast:forge:RunnerRegistration runner-registration",
    "holdfast:runner:Service runner-service",
  ]);
  expect(recorder.withDefaultProvider()).toEqual([]);
});

test("the registration is told who, where and whose, and nothing about SSH when there is an API token", async () => {
  await made();
  expect(recorder.find("runner-registration").inputs).toEqual({
    forgeUrl: "https://forge.example.org",
    scope: "ecosystem",
    name: "foundation-runner-02",
    owner: "home.runners.crunchy",
  });
});

test("the registration is told the forge host when it goes over SSH", async () => {
  const forgeHost = { ...host, host: "198.51.100.9", command: "forgejo" };
  await made({ forgeHost });
  expect(recorder.find("runner-registration").inputs).toMatchObject({ forgeHost });
});

test("the service gets the registration's uuid and token, the VM, and how to run", async () => {
  await made();
  const { token, ...rest } = recorder.find("runner-service").inputs;
  expect(rest).toEqual({
    ...args.vm,
    domain: "foundation-runner-02",
    uuid: "0b1e",
    name: "foundation-runner-02",
    forgeUrl: "https://forge.example.org",
    labels: ["fenced"],
    jobImage: args.jobImage,
    capacity: 2,
    drainSeconds: 600,
    execution: args.execution,
  });
  expect(isSecret(token) && token.value).toBe(runnerToken);
});

test("the runner's token is nowhere in the clear", async () => {
  await made();
  expect(recorder.inTheClear()).not.toContain(runnerToken);
});

test("the minting token is in the provider alone, and secret there", async () => {
  await made();
  const { forgeToken } = recorder.find("holdfast").inputs;
  expect(isSecret(forgeToken) && forgeToken.value).toBe(mintingToken);
  const others = recorder.resources.filter(({ name }) => name !== "holdfast");
  expect(JSON.stringify(others)).not.toContain(mintingToken);
});

test("a provider without a token has no empty one", async () => {
  const provider = new HoldfastProvider("plain", {});
  await resolved(provider.urn);
  expect(recorder.find("plain").inputs).not.toHaveProperty("forgeToken");
});

test("the registration outlives the machine, both are deleted before they are replaced, and a slow boot has its time", async () => {
  const { machine } = await made();
  const registration = recorder.optionsOf("runner-registration");
  expect(registration.dependsOn).toBe(machine);
  expect(registration.deleteBeforeReplace).toBe(true);
  expect(registration.additionalSecretOutputs).toEqual(["token"]);
  expect(recorder.optionsOf("runner-service")).toMatchObject({
    deleteBeforeReplace: true,
    customTimeouts: { create: "90m", update: "90m" },
  });
});

test("it gives the uuid and the address", async () => {
  const { runner } = await made();
  expect(await resolved(runner.uuid)).toBe("0b1e");
  expect(await resolved(runner.address)).toBe("192.0.2.16");
});
