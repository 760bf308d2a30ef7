/**
 * Whether a state that a runner sends is one of that stack: a deployment of a known version, complete in itself, of that project and
 * stack alone, with the secrets provider, the plugins and the endpoints that it had or that the configuration here names. Whoever
 * writes a state decides which program Pulumi starts in the next refresh, and to whom it hands the tokens. Pure.
 */
import { z } from "zod";
import { secretSignature, signatureKey } from "../../../provider/signatures.ts";

/** Version of a checkpoint that Pulumi's store has. */
const version = 3;

const urn = z.string().regex(/^urn:pulumi:[^:\s]+::[^:\s]+::[^\s]+::\S.*$/s, "is no URN");
const resourceSchema = z.looseObject({
  urn,
  type: z.string().min(1),
  custom: z.boolean(),
  delete: z.boolean().optional(),
  id: z.string().optional(),
  inputs: z.record(z.string(), z.unknown()).optional(),
  outputs: z.record(z.string(), z.unknown()).optional(),
  parent: urn.optional(),
  provider: z.string().optional(),
  dependencies: z.array(urn).nullish(),
  propertyDependencies: z.record(z.string(), z.array(urn).nullable()).nullish(),
  deletedWith: urn.optional(),
});
const deploymentSchema = z.looseObject({
  secrets_providers: z.looseObject({ type: z.string(), state: z.unknown().optional() }).optional(),
  resources: z.array(resourceSchema).nullish(),
  pending_operations: z
    .array(z.looseObject({ type: z.string(), resource: z.looseObject({ urn, type: z.string() }) }))
    .nullish(),
});
const schema = z.strictObject({
  version: z.literal(version),
  checkpoint: z.looseObject({ stack: z.string(), latest: deploymentSchema.nullish() }),
});

/** A resource as far as it is looked at here. */
export type StateResource = z.output<typeof resourceSchema>;
type Deployment = z.output<typeof deploymentSchema>;

/** What a state may be. */
export interface StateExpectation {
  project: string;
  stack: string;
  /** The state that was sent; undefined where the stack had none. */
  sent: string | undefined;
  /** The secrets providers that the stack's own file names, as a state has them. */
  secretsProviders: readonly object[];
  /** Packages of the project's program. */
  packages: readonly string[];
  /** Inputs by which Pulumi finds a plugin, one object for each that the checkout uses. */
  plugins: readonly object[];
  /** Words of everything that the job was given: hosts that are not among them are nobody's. */
  given: ReadonlySet<string>;
}

/** Types that every program has. */
const ownTypes = /^pulumi:(pulumi:(Stack|StackReference)|index:Stash|providers:pulumi)$/;
/** Inputs of a provider by which Pulumi finds its plugin. */
const pluginKeys = ["version", "pluginDownloadURL", "pluginChecksums", "parameterization", "__internal"];
/** Inputs whose whole value is a host. */
const hostKey = /host$|address$|endpoint$|server$|ur[il]$/i;

/** The resources of a state that was found to be one. */
export function resourcesOf(text: string | undefined): StateResource[] {
  if (text === undefined) return [];
  const read = schema.safeParse(parsed(text));
  return read.success ? (read.data.checkpoint.latest?.resources ?? []) : [];
}

/** Everything that is wrong with a state; nothing where it is one of that stack. */
export function stateProblems(text: string, expected: StateExpectation): string[] {
  const read = schema.safeParse(parsed(text));
  if (!read.success) {
    const [{ path, message } = { path: [], message: "" }] = read.error.issues;
    return [`it is no checkpoint of version ${version}: ${path.join(".")} ${message}`.replace(/ {2}/g, " ")];
  }
  const { checkpoint } = read.data;
  const name = `organization/${expected.project}/${expected.stack}`;
  const named = checkpoint.stack === name ? [] : [`it is the state of ${quoted(checkpoint.stack)}`];
  const latest = checkpoint.latest ?? {};
  const before = new Map(resourcesOf(expected.sent).map((resource) => [resource.urn, resource]));
  const resources = latest.resources ?? [];
  return [
    ...named,
    ...secretsProblems(latest, expected),
    ...integrityProblems(resources),
    ...resources.flatMap((resource) => [
      ...ownershipProblems(resource.urn, resource.type, expected, before),
      ...(isProvider(resource) ? providerProblems(resource, before, expected) : []),
      ...(resource.type.startsWith("holdfast:") ? addressProblems(resource, before, expected) : []),
    ]),
    ...(latest.pending_operations ?? []).flatMap(({ resource }) =>
      ownershipProblems(resource.urn, resource.type, expected, before),
    ),
  ];
}

/** Another one would be given the secrets of the next update. */
function secretsProblems(
  { secrets_providers: there }: Deployment,
  { sent, secretsProviders }: StateExpectation,
): string[] {
  if (there === undefined) return [];
  const read = sent === undefined ? undefined : schema.safeParse(parsed(sent));
  const before = read?.data?.checkpoint.latest?.secrets_providers;
  const allowed = [...(before ? [before] : []), ...secretsProviders];
  return allowed.some((one) => same(one, there))
    ? []
    : [`its secrets provider (${quoted(there.type)}) is not the stack's`];
}

/** Pulumi refuses a state in which something is named that does not stand before it: no command could mend it. */
function integrityProblems(resources: readonly StateResource[]): string[] {
  const deployed = new Set<string>();
  const seen = new Set<string>();
  const providers = new Set<string>();
  return resources.flatMap((resource) => {
    const { urn, parent, provider, dependencies, propertyDependencies, deletedWith } = resource;
    const named = [parent, deletedWith, ...(dependencies ?? []), ...Object.values(propertyDependencies ?? {}).flat()];
    const missing = named.filter((one) => typeof one === "string" && !seen.has(one));
    const twice = resource.delete !== true && deployed.has(urn);
    const strange = provider !== undefined && provider !== "" && !providers.has(provider);
    if (resource.delete !== true) deployed.add(urn);
    seen.add(urn);
    if (isProvider(resource)) providers.add(`${urn}::${resource.id ?? ""}`);
    return [
      ...missing.slice(0, 1).map((one) => `${urn} names ${one}, which does not stand before it`),
      ...(twice ? [`${urn} is there twice`] : []),
      ...(strange ? [`${urn} has a provider that does not stand before it`] : []),
      ...(provider && isOfOtherPackage(resource) ? [`${urn} has the provider of another package`] : []),
    ];
  });
}

function isOfOtherPackage({ type, provider = "" }: StateResource): boolean {
  const of = /::pulumi:providers:([^:$]+)::/.exec(provider)?.[1];
  return of !== type.split(":")[0];
}

function ownershipProblems(
  urn: string,
  type: string,
  { project, stack, packages }: StateExpectation,
  before: ReadonlyMap<string, StateResource>,
): string[] {
  const own = `urn:pulumi:${stack}::${project}::`;
  const problems = urn.startsWith(own) ? [] : [`${urn} is of another stack`];
  const [types = ""] = urn.slice(own.length).split("::");
  if (problems.length === 0 && types.split("$").at(-1) !== type)
    problems.push(`${urn} is not of the type ${quoted(type)}`);
  const [name = "", , kind = ""] = type.split(":");
  const provided = name === "pulumi" ? kind : name;
  const known = ownTypes.test(type) || packages.includes(provided) || before.get(urn)?.type === type;
  if (!known) problems.push(`${urn} has a type that ${project} does not use: ${quoted(type)}`);
  return problems;
}

function isProvider({ type }: StateResource): boolean {
  return type.startsWith("pulumi:providers:");
}

function providerProblems(
  { urn, inputs = {}, outputs = {} }: StateResource,
  before: ReadonlyMap<string, StateResource>,
  { plugins, given }: StateExpectation,
): string[] {
  const sent = before.get(urn);
  const allowed = [...plugins, pluginOf(sent?.inputs ?? {})];
  return [inputs, outputs].flatMap((values, index) => {
    const known = index === 0 ? sent?.inputs : sent?.outputs;
    // Outputs have less of it than inputs.
    const plugin = pluginOf(values);
    const isKnown = (one: object) => (index === 0 ? same(one, plugin) : same({ ...one, ...plugin }, one));
    const problems = allowed.some(isKnown) ? [] : [`${urn} is of another plugin than the project uses`];
    for (const [key, value] of Object.entries(values)) {
      if (pluginKeys.includes(key) || same(value, known?.[key])) continue;
      const strange = strangeHosts(key, value, given);
      if (strange.length > 0) problems.push(`${urn} has ${key}: ${quoted(strange[0] ?? "")}, which nothing here names`);
    }
    return problems;
  });
}

/** What our own plugin is sent to with a token of the stack's. */
function addressProblems(
  { urn, inputs = {} }: StateResource,
  before: ReadonlyMap<string, StateResource>,
  { given }: StateExpectation,
): string[] {
  return Object.entries(inputs).flatMap(([key, value]) => {
    if (same(value, before.get(urn)?.inputs?.[key])) return [];
    // Not addresses: those of machines are new with the machines.
    const [strange] = strangeHosts("", value, given);
    return strange === undefined ? [] : [`${urn} has ${key}: ${quoted(strange)}, which nothing here names`];
  });
}

function pluginOf(inputs: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(inputs).filter(([key]) => pluginKeys.includes(key)));
}

/**
 * Hosts in a value that were not given to the job. Structures are JSON in the inputs of a provider.
 * @param key what the value is called, which may say that it is a host; empty: only URLs count.
 */
function strangeHosts(key: string, value: unknown, given: ReadonlySet<string>): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => strangeHosts(key, one, given));
  if (value !== null && typeof value === "object") {
    if ((value as Record<string, unknown>)[signatureKey] === secretSignature) return [];
    return Object.entries(value).flatMap(([name, one]) => strangeHosts(key === "" ? "" : name, one, given));
  }
  if (typeof value !== "string") return [];
  const inside = /^\s*[[{]/.test(value) ? parsed(value) : undefined;
  if (inside !== null && typeof inside === "object") return strangeHosts(key, inside, given);
  const url = /^[a-z][a-z+.-]*:\/\/(?:[^/@\s]*@)?(\[[^\]]+\]|[^/:?#\s]*)/i.exec(value);
  if (url) return given.has((url[1] ?? "").replace(/[[\]]/g, "").toLowerCase()) || url[1] === "" ? [] : [url[1] ?? ""];
  const host = value.replace(/:\d+$/, "").toLowerCase();
  return hostKey.test(key) && host !== "" && !given.has(host) ? [host] : [];
}

/** Every word of a text that may be a host's name or address. */
export function wordsOf(text: string): Set<string> {
  const lower = text.toLowerCase();
  const plain = lower.split(/[^a-z0-9._-]+/).map((word) => word.replace(/^[._-]+|[._-]+$/g, ""));
  const ipv6 = lower.match(/[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*/g) ?? [];
  return new Set([...plain, ...ipv6].filter((word) => word !== ""));
}

/** Whether two values are the same JSON, in whatever order its keys stand. */
export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a runner wrote, for a message: short, and without characters that a terminal obeys. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
