/**
 * The package schema of a made-up kind: what it shows, and what it refuses. The plugin's own is read by the real engine in
 * test/engine/package-schema.test.ts.
 */
import { expect, test } from "vitest";
import { z } from "zod";
import { declareKind } from "../../../resources/kind.ts";
import { packageSchema } from "../../../resources/package-schema.ts";

const size = z.int().describe("Its size.");
const place = z.strictObject({ host: z.string().describe("Where it is.") });
const kindWith = (more: z.ZodRawShape) =>
  declareKind({
    type: "holdfast:test:Toy",
    description: "A toy.",
    inputs: z.strictObject({ size, ...more }),
    computed: { token: z.string().optional().describe("Its token.") },
    example: { size: 1, token: "t" },
    secrets: ["token"],
    replaceOn: ["size"],
  });
const schemaOf = (more: z.ZodRawShape) => packageSchema({ version: "1.0.0", kinds: [kindWith(more)], functions: [] });

test("a property has its type, its description and its marks; what may be absent is not required", () => {
  const { resources } = schemaOf({ lines: z.array(z.string()).optional().describe("Its lines.") });
  const inputs = {
    size: { type: "integer", description: "Its size.", replaceOnChanges: true, willReplaceOnChanges: true },
    lines: { type: "array", items: { type: "string" }, description: "Its lines." },
  };
  const properties = { ...inputs, token: { type: "string", description: "Its token.", secret: true } };
  expect(resources).toEqual({
    "holdfast:test:Toy": {
      ...{ description: "A toy.", inputProperties: inputs, requiredInputs: ["size"] },
      ...{ properties, required: ["size"] },
    },
  });
});

test("a structure is a type named after where it stands, or by its title", () => {
  const shared = place.meta({ title: "Place" });
  const { types } = schemaOf({
    at: place.describe("Where."),
    from: shared.describe("Whence."),
    to: shared.describe("Whither."),
  });
  const host = { type: "string", description: "Where it is." };
  expect(types).toMatchObject({
    "holdfast:test:ToyAt": { type: "object", properties: { host }, required: ["host"] },
    "holdfast:index:Place": { type: "object", properties: { host }, required: ["host"] },
  });
});

test.each([
  ["of its own", { colour: z.string() }, "colour"],
  ["of a field inside", { parts: z.array(z.strictObject({ colour: z.string() })).describe("Parts.") }, "parts.colour"],
])("a property without a description %s is an error that names it", (_, more, path) => {
  expect(() => schemaOf(more)).toThrow(`holdfast:test:Toy has no description of ${path}: .describe() its schema`);
});

test("what Pulumi has no word for is an error that names it", () => {
  const either = z.union([z.string(), z.number()]).nullable();
  expect(() => schemaOf({ any: z.unknown().describe("Anything.") })).toThrow("no word for any of holdfast:test:Toy");
  expect(schemaOf({ either: either.describe("Either.") }).resources).toMatchObject({
    "holdfast:test:Toy": { properties: { either: { oneOf: [{ type: "string" }, { type: "number" }] } } },
  });
});
