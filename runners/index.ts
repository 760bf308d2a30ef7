/**
 * One runner on one libvirt host: reads configuration and site contract, looks at the host, makes VM and runner, exports
 * `fleet@1`.
 */
import * as pulumi from "@pulumi/pulumi";
import { tapName } from "../components/fence/tap.ts";
import { ActionsRunner } from "../components/runner/actions-runner.ts";
import { imagePath } from "../components/vm/image.ts";
import { libvirtProvider } from "../components/vm/libvirt-provider.ts";
import { LibvirtVm } from "../components/vm/libvirt-vm.ts";
import { macAddress } from "../components/vm/plan.ts";
import { loadConfig } from "../lib/config/strict.ts";
import { consume, produce } from "../lib/contracts/contract.ts";
import { type Fleet, fleetContract } from "../lib/contracts/fleet.ts";
import { siteContract } from "../lib/contracts/site.ts";
import { hostOf } from "../lib/network/address.ts";
import { recorded } from "../lib/preflight/recorded.ts";
import { ProgramError } from "../lib/program-error.ts";
import { knownHostKey } from "../lib/ssh/first-contact.ts";
import { operatorPublicKey } from "../lib/ssh/operator-key.ts";
import { bridgeForwardKind } from "../resources/host/bridge-forward.ts";
import { egressFenceKind } from "../resources/host/egress-fence.ts";
import { hostPreflightFunction } from "../resources/host/preflight.ts";
import { call, HoldfastProvider, Resource } from "../resources/sdk.ts";
import { runnersConfig } from "./config.ts";
import { locateForge } from "./forge.ts";
import { planRunnerStack } from "./plan.ts";
import { planPreflight } from "./preflight.ts";

const config = loadConfig(runnersConfig);
const site = await consume(siteContract, { stack: config["site.stack"], file: config["site.file"] });
const plan = planRunnerStack(config, site, { project: pulumi.getProject(), stack: pulumi.getStack() });
const { owner, name, host } = plan;
for (const warning of plan.warnings) await pulumi.log.warn(warning);
const bridge = config["vm.bridge"];

const known = await recorded();
const hostKey = await knownHostKey(host, known.hypervisors);
const forge = await locateForge(plan.forge);
const holdfast = new HoldfastProvider("holdfast", {
  forgeToken: config["forge.token"],
  // A forge that is not found just now stays the one that the token belongs to.
  forgeUrl: config["forge.token"] && ("url" in forge ? forge.url : known.forgeUrl),
  hypervisors: hostKey && [{ ...host, hostKey }],
  siteAddresses: plan.siteAddresses,
});
const { imageNeeded } = await call(hostPreflightFunction, planPreflight(config, plan, forge, known), {
  provider: holdfast,
});
if ("problem" in forge) throw new ProgramError(forge.problem);
const forgeUrl = forge.url;
const authorizedKeys = config["vm.authorizedKeys"].length > 0 ? config["vm.authorizedKeys"] : [operatorPublicKey()];

const image = { url: config["vm.image.url"], sha256: config["vm.image.sha256"] };
const egress = plan.egress?.(forgeUrl);
const rule = new Resource(bridgeForwardKind, "bridge-forward", { host, bridge, owner }, { provider: holdfast });
const fence =
  egress &&
  new Resource(
    egressFenceKind,
    "egress-fence",
    { host, owner, mac: macAddress(owner, name), tap: tapName(owner, name), policy: egress, ...plan.identity(egress) },
    { provider: holdfast },
  );
const hypervisor = libvirtProvider("libvirt", host, rule);
const vm = new LibvirtVm(
  "vm",
  {
    vmName: name,
    owner,
    pool: config["vm.pool"],
    bridge,
    image: { path: imagePath(image, imageNeeded), sha256: image.sha256 },
    domainType: config["vm.type"],
    vcpus: config["vm.vcpus"],
    memoryMb: config["vm.memoryMb"],
    diskGb: config["vm.diskGb"],
    network: plan.network,
    tap: fence && tapName(owner, name),
    authorizedKeys,
    packages: config["vm.packages"],
    services: config["vm.packages"].filter((name) => name === "qemu-guest-agent"),
  },
  { providers: { libvirt: hypervisor, holdfast }, dependsOn: fence ? [rule, fence] : rule },
);
const runner = new ActionsRunner(
  "runner",
  {
    runnerName: name,
    owner,
    forgeUrl,
    scope: config["forge.scope"],
    forgeHost: plan.forgeHost && { ...plan.forgeHost, host: plan.forgeHostAddress ?? hostOf(forgeUrl) },
    labels: config["runner.labels"],
    jobImage: config["runner.jobImage"],
    capacity: config["runner.capacity"],
    drainSeconds: config["runner.drainSeconds"],
    execution: plan.execution,
    egress,
    machine: vm.domain,
    vm: {
      vmId: vm.vmId,
      vm: {
        ...(plan.address ? { host: plan.address } : {}),
        port: 22,
        user: "root",
        hostKey: vm.hostKey,
        stack: host.stack,
      },
      hypervisor: host,
      dialErrorLimit: config["vm.dialErrorLimit"],
    },
  },
  { providers: { holdfast } },
);

/** The fleet contract of this runner. Not stated by an update that was limited to other resources (`--target`). */
export const fleet: pulumi.Output<Fleet | undefined> = pulumi
  .all([runner.uuid, runner.address])
  .apply(([uuid, address]) =>
    uuid === undefined || address === undefined
      ? undefined
      : produce(fleetContract, {
          contract: "fleet@1",
          host: host.host,
          address,
          runner: { uuid, name, labels: plan.labelNames, forgeUrl },
          mode: plan.mode,
        }),
  );
