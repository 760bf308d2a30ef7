/**
 * The package schema of the plugin, in Pulumi's terms, from what is declared: what `pulumi package get-schema` shows, and what an
 * SDK in another language would be generated from. A structure becomes a type of its own, named by its
 * `.meta({ title })`, else after where it stands. Pure.
 */
import { z } from "zod";
import type { AnyKind, AnyPluginFunction } from "./kind.ts";
import { providerConfig, providerSecrets } from "./provider-config.ts";

/** What the plugin offers. */
export interface Declared {
  /** Version of the plugin. */
  version: string;
  kinds: readonly AnyKind[];
  functions: readonly AnyPluginFunction[];
}

/** A schema of Pulumi's, as JSON. */
type Json = { [name: string]: unknown };

/** The part of JSON Schema that our schemas come to. */
interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

/**
 * The package schema.
 * @throws Error naming the property that has no description, or whose schema Pulumi has no word for.
 */
export function packageSchema({ version, kinds, functions }: Declared): Json {
  const types: Json = {};
  const config = new Shape(types, "holdfast:index:Provider").properties(providerConfig, {
    secrets: providerSecrets,
    replaceOn: [],
  });
  return {
    name: "holdfast",
    displayName: "holdfast",
    version,
    description: "What the programs of holdfast need and no published provider has.",
    license: "Apache-2.0",
    config: { variables: config.properties },
    provider: {
      description: "Where the stack's services are, and with which tokens they are asked.",
      inputProperties: config.properties,
      requiredInputs: config.required,
    },
    resources: Object.fromEntries(kinds.map((kind) => [kind.type, resource(kind, types)])),
    functions: Object.fromEntries(functions.map((declared) => [declared.token, func(declared, types)])),
    types,
  };
}

function resource(kind: AnyKind, types: Json): Json {
  const shape = new Shape(types, kind.type);
  const inputs = shape.properties(kind.inputs, kind);
  const computed = shape.properties(z.object(kind.computed), kind);
  return {
    description: kind.description,
    inputProperties: inputs.properties,
    requiredInputs: inputs.required,
    properties: { ...inputs.properties, ...computed.properties },
    required: [...new Set([...inputs.required, ...computed.required])],
  };
}

function func({ token, description, inputs, outputs }: AnyPluginFunction, types: Json): Json {
  const marks = { secrets: [], replaceOn: [] };
  const object = (schema: z.ZodObject, suffix: string) => ({
    type: "object",
    ...new Shape(types, `${token}${suffix}`).properties(schema, marks),
  });
  return { description, inputs: object(inputs, "Arguments"), outputs: object(outputs, "Result") };
}

/** Which properties are marked. */
interface Marks {
  secrets: readonly string[];
  replaceOn: readonly string[];
}

/** The properties of one resource, function or provider; the structures in them go to `types`. */
class Shape {
  private readonly module: string;
  private readonly name: string;

  constructor(
    private readonly types: Json,
    /** For example `holdfast:ssh:HostKey`. */
    private readonly token: string,
  ) {
    const [, module = "", name = ""] = token.split(":");
    this.module = module;
    this.name = name.charAt(0).toUpperCase() + name.slice(1);
  }

  properties(schema: z.ZodObject, { secrets, replaceOn }: Marks): { properties: Json; required: string[] } {
    const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
    const spec = this.object(json, []);
    for (const [name, property] of Object.entries(spec.properties as Record<string, Json>)) {
      if (secrets.includes(name)) property.secret = true;
      if (replaceOn.includes(name)) Object.assign(property, { replaceOnChanges: true, willReplaceOnChanges: true });
    }
    return spec;
  }

  private object(json: JsonSchema, path: readonly string[]): { properties: Json; required: string[] } {
    const entries = Object.entries(json.properties ?? {}).map(([name, property]) => {
      const { description } = property;
      const at = [...path, name];
      if (!description) throw new Error(`${this.token} has no description of ${at.join(".")}: .describe() its schema`);
      return [name, { ...this.type(property, at), description }];
    });
    return { properties: Object.fromEntries(entries), required: json.required ?? [] };
  }

  private type(json: JsonSchema, path: readonly string[]): Json {
    const { items, additionalProperties: values } = json;
    const alternatives = json.anyOf ?? json.oneOf;
    if (alternatives) return this.union(alternatives, path);
    if (json.enum) return this.named(path, { type: "string", enum: json.enum.map((value) => ({ value })) });
    if (json.properties) return this.structure(json, path);
    if (items) return { type: "array", items: this.type(items, path) };
    if (typeof values === "object") return { type: "object", additionalProperties: this.type(values, path) };
    // Nothing is null in Pulumi's schemas: it is what need not be there.
    const [type, ...others] = [json.type].flat().filter((one) => one !== "null");
    if (type === undefined) {
      throw new Error(`Pulumi's schemas have no word for ${path.join(".")} of ${this.token}: ${JSON.stringify(json)}`);
    }
    if (others.length > 0) return { oneOf: [type, ...others].map((one) => ({ type: one })) };
    return { type, ...(json.const === undefined || json.const === "" ? {} : { const: json.const }) };
  }

  /** A type of its own: by its title where several kinds have it, else by where it stands. */
  private structure(json: JsonSchema, path: readonly string[]): Json {
    const shared = json.title === undefined ? this : new Shape(this.types, `holdfast:index:${json.title}`);
    const at = shared === this ? path : [];
    return shared.named(at, { type: "object", ...shared.object(json, at) });
  }

  private union(alternatives: readonly JsonSchema[], path: readonly string[]): Json {
    const structures = alternatives.filter(({ properties }) => properties);
    if (structures.length === 0) {
      const [first, ...others] = alternatives.map((one) => JSON.stringify(this.type(one, path)));
      if (first && others.every((one) => one === first)) return JSON.parse(first) as Json;
    }
    return {
      oneOf: alternatives.map((one) =>
        this.type(one, [...path, String(Object.values(one.properties ?? {})[0]?.const ?? "")]),
      ),
    };
  }

  /** Keeps a type, and refers to it. */
  private named(path: readonly string[], spec: Json): Json {
    const name = path.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
    const token = `holdfast:${this.module}:${this.name}${name}`;
    this.types[token] = spec;
    return { $ref: `#/types/${token}` };
  }
}
