/**
 * What the preflight of a pool on a libvirt host is asked to look at. Pure.
 */
import { macAddress, vmNames } from "../../../components/vm/plan.ts";
import type { Recorded } from "../../../lib/preflight/recorded.ts";
import { imageDownload, type PreflightArgs } from "../../../resources/host/preflight.ts";
import type { PlannedPool } from "../../planned.ts";
import type { LibvirtPart } from "./plan.ts";

/** @param recorded what the stack's state has: those are ours, whatever else is said. */
export function planPreflight(
  plan: Pick<PlannedPool, "owner"> & LibvirtPart,
  recorded: Pick<Recorded, "volumes" | "domains">,
): PreflightArgs {
  const { host, storagePool, owner, domainType, image } = plan;
  return {
    host,
    pool: storagePool,
    owner,
    domainType,
    fenced: false,
    vms: plan.vms.map(({ key, name, bridge, diskGb, mac, cidr }) => ({
      domain: name,
      bridge,
      volumes: vmNames(name, image.sha256),
      diskGb,
      mac: mac ?? macAddress(owner, name),
      ...(cidr === undefined ? {} : { cidr }),
      fixes: {
        name: `set vms.${key}.vm_name to another name`,
        bridge: `name another bridge in the interfaces of ${key}`,
        address: `set another ipv4.address in the interfaces of ${key}`,
      },
    })),
    diskKey: "disk_size_gb",
    recordedVolumes: recorded.volumes,
    recordedDomains: recorded.domains,
    downloads: [imageDownload(image)],
  };
}
