/**
 * The bare program: the resources of a deployed stack with the same inputs, as plain declarations in one file. It is what
 * the program of a stack is measured against: same engine, providers and plugin processes, no holdfast code. Pure.
 */

/** A resource as `pulumi stack export --show-secrets` has it. */
export interface ExportedResource {
  urn: string;
  type: string;
  custom?: boolean;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  parent?: string;
  /** `<urn>::<id>` of its provider. */
  provider?: string;
  dependencies?: string[];
  ignoreChanges?: string[];
}

const secretMark = "4dabf18193072939515e22adb298388d";
/** What the engine itself keeps with a provider's inputs. */
const engineOwn = ["__internal", "version"];

/** Packages that have an SDK: the program imports the ones that it uses, as anybody's would. */
const sdks = ["libvirt", "proxmoxve"];

const header = `import * as pulumi from "@pulumi/pulumi";

class Plain extends pulumi.CustomResource {}
class PlainProvider extends pulumi.ProviderResource {}
`;

/**
 * The program's source.
 * @throws for a resource of a package that it cannot declare.
 */
export function bareProgram(resources: readonly ExportedResource[]): string {
  const names = new Map<string, string>();
  const lines: string[] = [];
  for (const resource of inOrder(resources)) {
    const name = `r${names.size}`;
    lines.push(`const ${name} = ${declaration(resource, names)};`);
    names.set(resource.urn, name);
  }
  const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
  const outputs = Object.entries(stack?.outputs ?? {});
  lines.push(...outputs.map(([name, value]) => `export const ${name} = ${literal(value)};`));
  const used = sdks.filter((name) => resources.some(({ type }) => type === `pulumi:providers:${name}`));
  const imports = used.map((name) => `import * as ${name} from "@pulumi/${name}";\n`);
  return `${imports.join("")}${header}${lines.join("\n")}\n`;
}

/** Dependencies first; neither the stack itself nor default providers, which the engine makes. */
function inOrder(resources: readonly ExportedResource[]): ExportedResource[] {
  const declared = resources.filter(({ type }) => type !== "pulumi:pulumi:Stack" && type !== "pulumi:providers:pulumi");
  const byUrn = new Map(declared.map((resource) => [resource.urn, resource]));
  const ordered = new Set<ExportedResource>();
  const visit = (urn: string) => {
    const resource = byUrn.get(urn);
    if (!resource || ordered.has(resource)) return;
    for (const other of needs(resource)) visit(other);
    ordered.add(resource);
  };
  for (const { urn } of declared) visit(urn);
  return [...ordered];
}

function needs({ parent, provider, dependencies = [] }: ExportedResource): string[] {
  return [parent, provider && urnOf(provider), ...dependencies].filter((urn) => urn !== undefined);
}

/** The URN in a provider's reference. */
function urnOf(reference: string): string {
  return reference.slice(0, reference.lastIndexOf("::"));
}

function declaration(resource: ExportedResource, names: ReadonlyMap<string, string>): string {
  const { urn, type } = resource;
  const name = JSON.stringify(urn.split("::").at(-1));
  const [packageName = "", moduleName = "", className = ""] = type.split(":");
  const options = optionsOf(resource, names);
  const inputs = literal(
    Object.fromEntries(Object.entries(resource.inputs ?? {}).filter(([key]) => !engineOwn.includes(key))),
  );
  if (!resource.custom) return `new pulumi.ComponentResource(${JSON.stringify(type)}, ${name}, {}, ${options})`;
  if (sdks.includes(packageName)) return `new ${packageName}.${className}(${name}, ${inputs}, ${options})`;
  if (packageName === "holdfast") return `new Plain(${JSON.stringify(type)}, ${name}, ${inputs}, ${options})`;
  // The state has what the SDK made of booleans: text.
  if (moduleName === "providers" && sdks.includes(className))
    return `new ${className}.Provider(${name}, ${inputs.replace(/"(true|false)"/g, "$1")}, ${options})`;
  if (moduleName === "providers" && className === "holdfast")
    return `new PlainProvider("holdfast", ${name}, ${inputs}, ${options})`;
  throw new Error(`the bare program cannot declare ${urn}: teach bench/bare.ts the type ${type}`);
}

function optionsOf(
  { parent, provider, dependencies = [], inputs, ignoreChanges = [] }: ExportedResource,
  names: ReadonlyMap<string, string>,
) {
  const known = (urn: string | undefined) => (urn === undefined ? undefined : names.get(urn));
  const on = dependencies.map(known).filter((name) => name !== undefined);
  const fields = [
    known(parent) && `parent: ${known(parent)}`,
    provider && `provider: ${known(urnOf(provider))}`,
    on.length > 0 && `dependsOn: [${on.join(", ")}]`,
    ignoreChanges.length > 0 && `ignoreChanges: ${JSON.stringify(ignoreChanges)}`,
    // Not as an option: the generated SDK drops it there.
    inputs?.version &&
      `transforms: [({ props, opts }) => ({ props, opts: { ...opts, version: ${JSON.stringify(inputs.version)} } })]`,
  ].filter(Boolean);
  return `{ ${fields.join(", ")} }`;
}

/** A value as source; a secret stays one. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (secretMark in value) return `pulumi.secret(${(value as { plaintext?: string }).plaintext})`;
  return `{ ${Object.entries(value)
    .map(([key, field]) => `${JSON.stringify(key)}: ${literal(field)}`)
    .join(", ")} }`;
}
