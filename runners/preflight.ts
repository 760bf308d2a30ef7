/**
 * What has to hold before a runner is made, from its configuration and its plan. Pure; the plugin looks, and so does
 * `holdfast doctor host`.
 */

import { macAddress, vmNames } from "../components/vm/plan.ts";
import { hostOf } from "../lib/network/address.ts";
import type { Recorded } from "../lib/preflight/recorded.ts";
import { type Download, imageDownload, type PreflightArgs } from "../resources/host/preflight.ts";
import type { FoundForge } from "./forge.ts";
import type { RunnerPlan, RunnersConfig } from "./plan.ts";

/**
 * @param forge where the forge is, as far as asking for it told.
 * @param recorded what the stack's state has.
 */
export function planPreflight(
  config: RunnersConfig,
  plan: RunnerPlan,
  forge: FoundForge,
  recorded: Recorded,
): PreflightArgs {
  const forgeHost = plan.forgeHostAddress ?? ("url" in forge ? hostOf(forge.url) : undefined);
  return {
    host: plan.host,
    pool: config["vm.pool"],
    owner: plan.owner,
    domainType: config["vm.type"],
    fenced: plan.egress !== undefined,
    vms: [
      {
        domain: plan.name,
        bridge: config["vm.bridge"],
        volumes: vmNames(plan.name, config["vm.image.sha256"]),
        diskGb: config["vm.diskGb"],
        mac: macAddress(plan.owner, plan.name),
        ...(config["vm.ipCidr"] ? { cidr: config["vm.ipCidr"] } : {}),
        fixes: {
          name: "pulumi config set vm.name <another name>",
          bridge: "pulumi config set vm.bridge <name>",
          address: "pulumi config set vm.ipCidr <another address>/<prefix length>",
        },
      },
    ],
    diskKey: "vm.diskGb",
    recordedVolumes: recorded.volumes,
    recordedDomains: recorded.domains,
    downloads: downloads(config, plan),
    forge: {
      ...forge,
      scope: config["forge.scope"],
      registeredUuid: recorded.runnerUuid,
      ...(plan.forgeHost && forgeHost ? { forgeHost: { ...plan.forgeHost, host: forgeHost } } : {}),
    },
  };
}

function downloads(config: RunnersConfig, { execution }: RunnerPlan): Download[] {
  const files = [imageDownload({ url: config["vm.image.url"], sha256: config["vm.image.sha256"] })];
  if (execution.kind === "binary") {
    const { url, sha256 } = execution;
    files.push({ what: "the runner program", key: "runner.binary.url", suffix: "", url, sha256 });
  }
  return files;
}
