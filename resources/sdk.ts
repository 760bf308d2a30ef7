/**
 * What programs construct and call of the plugin `holdfast`: its provider, a resource of any kind, any function. Typed by the
 * declarations.
 */
import * as pulumi from "@pulumi/pulumi";
import { ProgramError } from "../lib/program-error.ts";
import type { AnyKind, AnyPluginFunction, ArgumentsOf, ComputedOf, InputsOf, ResultOf } from "./kind.ts";
import { type ProviderConfig, providerConfig, providerSecrets } from "./provider-config.ts";

/** A value as programs may give it: known or not yet, at every depth. */
type Given<T> = pulumi.Input<Nested<T>>;
type Nested<T> = T extends readonly (infer Item)[]
  ? Given<Item>[]
  : T extends object
    ? { [Name in keyof T]: Given<T[Name]> }
    : T;

/** Inputs of a kind as programs give them. */
export type ResourceArgs<K extends AnyKind> = { [Name in keyof InputsOf<K>]: Given<InputsOf<K>[Name]> };

type Outputs<T> = { readonly [Name in keyof T]: pulumi.Output<T[Name]> };

/** A resource of a kind, with its inputs and what is computed as outputs. */
export type Resource<K extends AnyKind> = pulumi.CustomResource &
  Outputs<Omit<InputsOf<K>, keyof ComputedOf<K>> & ComputedOf<K>>;

class DeclaredResource extends pulumi.CustomResource {
  constructor(kind: AnyKind, name: string, args: Record<string, unknown>, opts: pulumi.CustomResourceOptions) {
    const secrets: readonly string[] = kind.additionalSecretOutputs;
    const computed = Object.keys(kind.computed).map((output) => [output, undefined]);
    const given = Object.entries(args).map(([input, value]) => [
      input,
      secrets.includes(input) ? pulumi.secret(value) : value,
    ]);
    const marked = secrets.length > 0 ? { additionalSecretOutputs: [...secrets] } : {};
    super(kind.type, name, Object.fromEntries([...computed, ...given]), { ...opts, ...marked });
  }
}

/** A resource: `new Resource(hostKeyKind, "host-key", { comment: "vm" }, { provider })`. */
export const Resource = DeclaredResource as unknown as new <K extends AnyKind>(
  kind: K,
  name: string,
  args: ResourceArgs<K>,
  opts: pulumi.CustomResourceOptions,
) => Resource<K>;

/** Configuration of the provider as programs give it. What is undefined, or an empty list, is left out. */
export type HoldfastProviderArgs = { [Name in keyof ProviderConfig]: Given<ProviderConfig[Name]> };

/** The plugin's provider. Constructed explicitly, in one place a program; default providers are denied. */
export class HoldfastProvider extends pulumi.ProviderResource {
  constructor(name: string, args: HoldfastProviderArgs, opts?: pulumi.ResourceOptions) {
    const names = Object.keys(providerConfig.shape) as (keyof ProviderConfig)[];
    const given = names.flatMap((name) => {
      const value = args[name];
      if (value === undefined || isEmpty(value)) return [];
      return [[name, providerSecrets.includes(name) ? pulumi.secret(value) : value]];
    });
    super("holdfast", name, Object.fromEntries(given), opts);
  }
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null || pulumi.Output.isInstance(value) || value instanceof Promise)
    return false;
  return Object.keys(value).length === 0;
}

/** Arguments of a function as programs give them: all but `update`. */
export type FunctionArgs<F extends AnyPluginFunction> = F["tellsUpdate"] extends true
  ? Omit<ArgumentsOf<F>, "update">
  : ArgumentsOf<F>;

/**
 * Calls a function of the plugin, in previews too.
 * @throws ProgramError with the plugin's words.
 */
export function call<F extends AnyPluginFunction>(
  declared: F,
  args: FunctionArgs<F>,
  opts: pulumi.InvokeOptions,
): Promise<ResultOf<F>> {
  const asked = declared.tellsUpdate ? { ...args, update: !pulumi.runtime.isDryRun() } : args;
  return pulumi.runtime.invoke(declared.token, asked, opts).catch(ProgramError.rethrow);
}
