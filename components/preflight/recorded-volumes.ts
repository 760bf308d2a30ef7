/**
 * The volumes that a stack's own state has: they are ours, whatever else the host says.
 */
import * as pulumi from "@pulumi/pulumi";

/** A resource of a state, as far as it is looked at here. */
interface Recorded {
  type?: unknown;
  outputs?: unknown;
}

/** Types of what the libvirt provider makes in a pool. */
const volumeTypes = ["libvirt:index/volume:Volume", "libvirt:index/cloudinitDisk:CloudinitDisk"];

/** `<pool>/<name>` of every volume among a state's resources. */
export function volumesOf(resources: readonly Recorded[]): string[] {
  return resources
    .filter(({ type }) => volumeTypes.includes(String(type)))
    .map(({ outputs }) => outputs as { pool?: unknown; name?: unknown } | undefined)
    .filter((outputs) => typeof outputs?.pool === "string" && typeof outputs.name === "string")
    .map((outputs) => `${outputs?.pool}/${outputs?.name}`);
}

/** The same of the running stack, from its last checkpoint: in previews and after a failed update too. */
export async function recordedVolumes(): Promise<string[]> {
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  const { outputs } = await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName });
  return volumesOf(Object.values(outputs as Record<string, Recorded>));
}
