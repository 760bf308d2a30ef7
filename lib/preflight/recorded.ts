/**
 * What a stack's own state has of the things that a preflight may find outside: these are ours, whatever else is said.
 */
import { setTimeout as pause } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";

/** A resource of a state, as far as it is looked at here. */
export interface RecordedResource {
  type?: unknown;
  /** The provider's; an exported state has it, what a program reads of its checkpoint has not. */
  id?: unknown;
  outputs?: unknown;
}

/** What a state says is ours. */
export interface Recorded {
  /** `<pool>/<name>` of every volume. */
  volumes: string[];
  /** Name of every domain; undefined where one of them has none that can be read. */
  domains: string[] | undefined;
  /** The runner's uuid on its forge; null when the state has no registration. */
  runnerUuid: string | null;
  /** The forge that our provider's token belongs to; undefined where the state does not say so. */
  forgeUrl?: string | undefined;
  /** Host keys that the state vouches for, as our provider's `hypervisors` have them. */
  hypervisors: { host: string; port: number; hostKey: string }[];
}

/** Types of what the libvirt provider makes in a pool. */
const volumeTypes = ["libvirt:index/volume:Volume", "libvirt:index/cloudinitDisk:CloudinitDisk"];
const domainType = "libvirt:index/domain:Domain";
const registrationType = "holdfast:forge:RunnerRegistration";
const providerType = "pulumi:providers:holdfast";

/** Reads it from a state's resources. */
export function recordedIn(resources: readonly RecordedResource[]): Recorded {
  const outputsOf = (types: string[]) =>
    resources
      .filter(({ type }) => types.includes(String(type)))
      .map(({ outputs }) => (outputs ?? {}) as Record<string, unknown>);
  const volumes = outputsOf(volumeTypes).filter(
    ({ pool, name }) => typeof pool === "string" && typeof name === "string",
  );
  const names = outputsOf([domainType]).map(({ name }) => name);
  const uuid = outputsOf([registrationType]).find((outputs) => typeof outputs.uuid === "string")?.uuid;
  const forgeUrl = outputsOf([providerType]).find((outputs) => typeof outputs.forgeUrl === "string")?.forgeUrl;
  const hypervisors = outputsOf([providerType]).flatMap(
    (outputs) => (outputs.hypervisors ?? []) as Recorded["hypervisors"],
  );
  return {
    volumes: volumes.map(({ pool, name }) => `${pool}/${name}`),
    domains: names.every((name) => typeof name === "string") ? names : undefined,
    runnerUuid: (uuid as string) ?? null,
    hypervisors,
    ...(forgeUrl === undefined ? {} : { forgeUrl: forgeUrl as string }),
  };
}

/** The same of the running stack, from its last checkpoint: in previews and after a failed update too. */
export async function recorded(): Promise<Recorded> {
  return recordedIn(Object.values(await checkpointResources()));
}

/** Every resource of the running stack's last checkpoint, by URN. A file backend is read while the engine writes it. */
export async function checkpointResources(tries = 20): Promise<Record<string, RecordedResource>> {
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  try {
    const { outputs } = await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName });
    return outputs as Record<string, RecordedResource>;
  } catch (error) {
    if (tries <= 1 || !/failed to load checkpoint/.test((error as Error).message)) throw error;
    await pause(50);
    return checkpointResources(tries - 1);
  }
}
