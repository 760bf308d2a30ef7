/**
 * What the real `pulumi package get-schema` shows of the plugin: every kind and every function, with each property's type,
 * description and marks. It reads the plugin's schema as Pulumi's generators of SDKs do, and refuses one that refers to nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../../provider/catalogue.ts";
import { providerConfig, providerSecrets } from "../../resources/provider-config.ts";
import { Engine } from "./engine.ts";

interface Property {
  description?: string;
  secret?: boolean;
  replaceOnChanges?: boolean;
  $ref?: string;
}
type Properties = Record<string, Property>;
interface Structure {
  properties?: Properties;
  required?: string[];
  enum?: { value: string }[];
}
interface Schema {
  name: string;
  version: string;
  provider: { inputProperties: Properties };
  resources: Record<
    string,
    { description: string; inputProperties?: Properties; requiredInputs?: string[]; properties?: Properties }
  >;
  functions: Record<string, { description: string; inputs: Structure; outputs: Structure }>;
  types: Record<string, Structure>;
}

let engine: Engine;
let schema: Schema;

beforeAll(async () => {
  engine = await Engine.open();
  schema = JSON.parse(await engine.must(".", "package", "get-schema", "./provider/pulumi-resource-holdfast"));
});

afterAll(() => engine.close());

const names = (properties: object | undefined) => Object.keys(properties ?? {}).sort();
const marked = (properties: Properties | undefined, mark: "secret" | "replaceOnChanges") =>
  names(properties).filter((name) => properties?.[name]?.[mark]);

it("names the plugin, and every kind and function that it offers", () => {
  expect(schema).toMatchObject({ name: "holdfast", version: catalogue.version });
  expect(names(schema.resources)).toEqual(catalogue.kinds.map(({ type }) => type).sort());
  expect(names(schema.functions)).toEqual(catalogue.functions.map(({ token }) => token).sort());
  expect(names(schema.provider.inputProperties)).toEqual(names(providerConfig.shape));
  expect(marked(schema.provider.inputProperties, "secret")).toEqual([...providerSecrets].sort());
});

describe.each(catalogue.kinds.map((kind) => [kind.type, kind] as const))("%s", (type, kind) => {
  it("has its inputs, and these with what is computed as outputs", () => {
    const { inputProperties, requiredInputs = [], properties } = schema.resources[type] ?? {};
    expect(names(inputProperties)).toEqual(names(kind.inputs.shape));
    expect(names(properties)).toEqual(names({ ...kind.inputs.shape, ...kind.computed }));
    const optional = names(kind.inputs.shape).filter((name) => kind.inputs.shape[name].safeParse(undefined).success);
    expect([...requiredInputs, ...optional].sort()).toEqual(names(kind.inputs.shape));
  });

  it("says what is secret, and what needs another resource", () => {
    const { properties } = schema.resources[type] ?? {};
    expect(marked(properties, "secret")).toEqual([...kind.secrets].sort());
    expect(marked(properties, "replaceOnChanges")).toEqual([...kind.replaceOn].sort());
  });
});

it("describes every property, at every depth", () => {
  const places: [string, Properties | undefined][] = [
    ["provider", schema.provider.inputProperties],
    ...Object.entries(schema.resources).flatMap(([type, { inputProperties, properties }]) => [
      [type, inputProperties] as [string, Properties | undefined],
      [type, properties] as [string, Properties | undefined],
    ]),
    ...Object.entries(schema.functions).flatMap(([token, { inputs, outputs }]) => [
      [token, inputs.properties] as [string, Properties | undefined],
      [token, outputs.properties] as [string, Properties | undefined],
    ]),
    ...Object.entries(schema.types).map(([token, { properties }]): [string, Properties | undefined] => [
      token,
      properties,
    ]),
  ];
  const bare = places.flatMap(([place, properties]) =>
    Object.entries(properties ?? {}).flatMap(([name, { description = "" }]) =>
      description.length > 3 ? [] : [`${place}.${name}`],
    ),
  );
  expect(bare).toEqual([]);
  for (const [place, { description }] of Object.entries({ ...schema.resources, ...schema.functions })) {
    expect(description.length, place).toBeGreaterThan(10);
  }
});

it("has a type for every structure that something refers to, and for none besides", () => {
  const { types, ...rest } = schema;
  const asked = [...JSON.stringify([rest, types]).matchAll(/"#\/types\/([^"]+)"/g)].map(([, token]) => token ?? "");
  expect([...new Set(asked)].sort()).toEqual(names(types));
  expect(types["holdfast:index:SshTarget"]?.required?.sort()).toEqual(["host", "port", "stack", "user"]);
  expect(types["holdfast:netbox:IpReservationOutcome"]?.enum).toContainEqual({ value: "adopted" });
});
