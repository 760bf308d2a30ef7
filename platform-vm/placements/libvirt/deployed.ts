/**
 * The VMs of a pool on a libvirt host in its state. Pure.
 */
import { componentName, libvirtTypes, vmPart } from "../../../components/pool/state-names.ts";
import { type DeployedVm, resourceName, type StateResources, textOf } from "../../deployed.ts";

/** A VM on libvirt as the state has it, with its root disk; empty texts where something of that is not known. */
export interface LibvirtDeployedVm extends DeployedVm {
  placement: "libvirt";
  /** Address of the host. */
  node: string;
  storagePool: string;
  /** Volume of the root disk. */
  root: string;
  /** Volume with the image below it; its name has the image's digest. */
  base: string;
}

interface PartOutputs {
  id?: unknown;
  name?: unknown;
  pool?: unknown;
  size?: unknown;
  node?: unknown;
}

export function deployedOnLibvirt(resources: StateResources): LibvirtDeployedVm[] {
  const byUrn = Object.entries(resources);
  const parts = byUrn.flatMap(([urn, { type, id, outputs }]) => {
    const found = vmPart(resourceName(urn));
    const is = Object.values<unknown>(libvirtTypes).includes(type) && found && found.part !== "";
    return is ? [{ ...found, outputs: { ...(outputs as PartOutputs), id } }] : [];
  });
  // A domain that is gone may have left its disk, and with it what people put there.
  const keys = new Set(parts.filter(({ part }) => part !== "base").map(({ key }) => key));
  return [...keys].map((key) => {
    const of = (part: string) => parts.find((one) => one.key === key && one.part === part)?.outputs ?? {};
    const component = byUrn.find(([urn]) => resourceName(urn) === componentName(key))?.[1].outputs as PartOutputs;
    return deployedVm(key, { domain: of("domain"), root: of("root"), base: of("base"), component: component ?? {} });
  });
}

function deployedVm(
  key: string,
  { domain, root, base, component }: Record<"domain" | "root" | "base" | "component", PartOutputs>,
): LibvirtDeployedVm {
  const vmId = textOf(domain.id);
  return {
    ...{ placement: "libvirt", key },
    name: textOf(domain.name) || textOf(root.name).replace(/\.qcow2$/, ""),
    diskGb: typeof root.size === "number" ? root.size / 1024 ** 3 : 0,
    ...(vmId === "" ? {} : { vmId }),
    ...{
      node: textOf(component.node),
      storagePool: textOf(root.pool),
      root: textOf(root.name),
      base: textOf(base.name),
    },
  };
}

/** Those on libvirt among all that stand. */
export function onLibvirt(deployed: readonly DeployedVm[]): LibvirtDeployedVm[] {
  return deployed.filter((vm): vm is LibvirtDeployedVm => vm.placement === "libvirt");
}
