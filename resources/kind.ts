/**
 * How a resource kind of the plugin `holdfast` is declared, once: what it is called, what goes in, what comes out, what is secret,
 * what needs another resource. The types of inputs and states, what programs construct (sdk.ts), the plugin's checks and the
 * package schema (package-schema.ts) all follow from the declaration. Without the Pulumi SDK: the plugin reads it too.
 */
import type { z } from "zod";

/** Schemas by property name. */
export type Shape = z.ZodRawShape;

/** What a state may list beside its properties, in words: what a refresh found wrong. */
export interface Drift {
  drift?: string[];
}

/** A resource kind. Every property has a description, of its own or of a structure's field: `.describe()` of its schema. */
export interface Kind<
  Inputs extends z.ZodObject = z.ZodObject,
  Computed extends Shape = Shape,
  Kept extends Shape = Shape,
> {
  /** Type token, for example `holdfast:forge:RunnerRegistration`. */
  readonly type: `holdfast:${string}:${string}`;
  /** What one of them is, for the package schema. */
  readonly description: string;
  /** A strict object: refuses inputs that cannot work, before anything is changed. */
  readonly inputs: Inputs;
  /** Outputs that are unknown until the resource was created, each with what a state may have there. */
  readonly computed: Computed;
  /** What a state keeps besides, which no program reads; the same. */
  readonly kept: Kept;
  /** Properties that are always secret: the plugin marks them in whatever it returns. */
  readonly secrets: readonly NameIn<Inputs, Computed>[];
  /** Those of them that programs mark as well: as inputs, and by `additionalSecretOutputs`. States have recorded which. */
  readonly additionalSecretOutputs: readonly NameIn<Inputs, Computed>[];
  /** Inputs whose change needs another resource: the old one is deleted first. */
  readonly replaceOn: readonly InputName<Inputs>[];
  /**
   * Computed outputs that an update may change, each with the inputs on which it depends; `drift` and `forcedRun` count as
   * inputs here. The others are stable.
   */
  readonly volatile: { readonly [Name in keyof Computed]?: readonly Cause<Inputs>[] };
  /**
   * A state that it may have, with every field that holds a text, those that may be absent among them. Tests put hostile texts
   * into each (test/unit/provider/hostile-state.test.ts).
   */
  readonly example: Readonly<Record<string, unknown>>;
  /** Whether a deploy updates it although nothing differs; its state keeps `forcedRun`. See provider/forced-run.ts. */
  readonly reruns: boolean;
}

type InputName<Inputs extends z.ZodObject> = Extract<keyof Inputs["shape"], string>;
type NameIn<Inputs extends z.ZodObject, Computed extends Shape> = InputName<Inputs> | Extract<keyof Computed, string>;
type Cause<Inputs extends z.ZodObject> = InputName<Inputs> | "drift" | "forcedRun";

/** Any kind, whatever its properties. */
// biome-ignore lint/suspicious/noExplicitAny: the properties' names make kinds incomparable.
export type AnyKind = Kind<any, any, any>;

/** What a kind need not say: nothing secret, nothing computed, nothing that is replaced. */
type Optional = "computed" | "kept" | "secrets" | "additionalSecretOutputs" | "replaceOn" | "volatile" | "reruns";

/** Declares a kind. */
export function declareKind<
  Inputs extends z.ZodObject,
  Computed extends Shape = Record<never, never>,
  Kept extends Shape = Record<never, never>,
>(
  kind: Omit<Kind<Inputs, Computed, Kept>, Optional> & Partial<Pick<Kind<Inputs, Computed, Kept>, Optional>>,
): Kind<Inputs, Computed, Kept> {
  const nothing = { secrets: [], additionalSecretOutputs: [], replaceOn: [], volatile: {}, reruns: false };
  return { ...nothing, computed: {} as Computed, kept: {} as Kept, ...kind };
}

/** `volatile` of a kind all of whose outputs tell of its last run, which any change repeats. */
export function ofEachRun<Inputs extends z.ZodObject, Computed extends Shape>(
  inputs: Inputs,
  computed: Computed,
  ...besides: ("drift" | "forcedRun")[]
): Kind<Inputs, Computed>["volatile"] {
  const causes = [...(Object.keys(inputs.shape) as InputName<Inputs>[]), ...besides];
  const entries = Object.keys(computed).map((name) => [name, causes]);
  return Object.fromEntries(entries) as Kind<Inputs, Computed>["volatile"];
}

/** What schemas by name let through; an object without properties is one that may have any. */
type Values<S extends Shape> = [keyof S] extends [never] ? object : z.infer<z.ZodObject<S>>;

/** Inputs of a kind, as the plugin gets them. */
export type InputsOf<K extends AnyKind> = z.infer<K["inputs"]>;

/** Outputs of a kind that only making it tells. */
export type ComputedOf<K extends AnyKind> = Values<K["computed"]>;

/** State of a kind: its inputs and what became known about it. */
export type StateOf<K extends AnyKind> = InputsOf<K> &
  ComputedOf<K> &
  Values<K["kept"]> &
  Drift &
  Record<string, unknown>;

/** A function of the plugin. Runs in previews too, so it must not change anything outside then. */
export interface PluginFunction<Inputs extends z.ZodObject = z.ZodObject, Outputs extends z.ZodObject = z.ZodObject> {
  /** For example `holdfast:host:preflight`. */
  readonly token: `holdfast:${string}:${string}`;
  /** What it does, for the package schema. */
  readonly description: string;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  /** Whether it has an input `update` that says whether an update runs, no preview; programs do not give it, sdk.ts does. */
  readonly tellsUpdate: boolean;
}

/** Any function, whatever its properties. */
// biome-ignore lint/suspicious/noExplicitAny: as of kinds.
export type AnyPluginFunction = PluginFunction<any, any>;

/** Declares a function. */
export function declareFunction<Inputs extends z.ZodObject, Outputs extends z.ZodObject>(
  declared: Omit<PluginFunction<Inputs, Outputs>, "tellsUpdate"> & Partial<Pick<PluginFunction, "tellsUpdate">>,
): PluginFunction<Inputs, Outputs> {
  return { tellsUpdate: false, ...declared };
}

/** Arguments of a function, as the plugin gets them. */
export type ArgumentsOf<F extends AnyPluginFunction> = z.infer<F["inputs"]>;

/** What a function returns. */
export type ResultOf<F extends AnyPluginFunction> = z.infer<F["outputs"]>;
