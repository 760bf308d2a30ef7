/**
 * Schemas of single configuration values. Pulumi hands values over as text; a structure set in the stack file arrives as
 * JSON. Each schema reads that text, says what it expects, and never repeats the value.
 */
import { isIP } from "node:net";
import { z } from "zod";
import { isImage } from "../container-image.ts";
import { isCidr } from "../network/ipv4.ts";

/** What a field looks like to an editor and in the documentation. */
export interface FieldInfo {
  /** What it is, with its unit. */
  description: string;
  /** An example, as it would be typed behind `pulumi config set`. */
  example: string;
  /** JSON schema of the value in a stack file. */
  json: Record<string, unknown>;
  /** Default as it would be typed; absent for required and for truly optional keys. */
  defaultText?: string;
  secret?: boolean;
}

/** Documentation of every field schema made here. */
export const fieldInfo = z.registry<FieldInfo>();

/** How a field is described. */
type About = Pick<FieldInfo, "description" | "example">;

/** Marks a schema as a secret: `pulumi config set --secret`. */
export function secret<T extends z.ZodType>(schema: T): T {
  const info = fieldInfo.get(schema);
  if (!info) throw new Error("secret() takes a schema made by this module");
  fieldInfo.add(schema, { ...info, secret: true });
  return schema;
}

/** Free text that satisfies `pattern`. */
export function textField(about: About, pattern: RegExp, expected: string) {
  return described(z.string().regex(pattern, `expected ${expected}`), about, { type: "string" });
}

/** A container image by tag or digest. */
export function containerImage(about: About) {
  const schema = z.string().refine(isImage, "expected name:tag or name@sha256: and 64 hexadecimal digits");
  return described(schema, about, { type: "string" });
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(about: About, words: T) {
  return described(z.enum(words, { error: `expected one of ${words.join(", ")}` }), about, { enum: [...words] });
}

/**
 * A whole number with bounds.
 * @param expected what to say of anything else, where runbooks search for the words.
 */
export function wholeNumber(
  about: About,
  minimum: number,
  maximum: number,
  expected = `expected a whole number from ${minimum} to ${maximum}`,
) {
  const schema = z
    .string()
    .regex(/^-?\d+$/, expected)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, expected);
  return described(schema, about, { type: "integer", minimum, maximum });
}

/** An IPv4 or IPv6 address, or a host name. */
export function hostName(about: About) {
  const name = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
  const schema = z
    .string()
    .refine(
      (value) => isIP(value) !== 0 || (name.test(value) && !/^[\d.]+$/.test(value)),
      "expected an IP address or a host name",
    );
  return described(schema, about, { type: "string" });
}

/** An `http://` or `https://` URL without a path of its own or a trailing slash. */
export function baseUrl(about: About) {
  const schema = z
    .url({ protocol: /^https?$/, error: "expected http://… or https://…" })
    .transform((value) => value.replace(/\/+$/, ""))
    .refine((value) => !/[?#]|\/\/[^/]*@/.test(value), "expected no user, query or fragment in it");
  return described(schema, about, { type: "string", format: "uri" });
}

/** Where a file comes from: `https://`, `http://` or `file://`. */
export function fileUrl(about: About) {
  const schema = z.url({ protocol: /^(https?|file)$/, error: "expected https://…, http://… or file:///…" });
  return described(schema, about, { type: "string", format: "uri" });
}

/** An IPv4 address. */
export function ipv4(about: About) {
  return described(
    z.string().refine((value) => isIP(value) === 4, "expected an IPv4 address"),
    about,
    { type: "string", format: "ipv4" },
  );
}

/** An IPv4 address with its network's prefix length; empty for DHCP. */
export function cidrOrDhcp(about: About) {
  const schema = z
    .string()
    .refine(
      (value) => value === "" || isCidr(value),
      "expected an IPv4 address with prefix length, or nothing for DHCP",
    );
  return described(schema, about, { type: "string" });
}

/** A list, typed with commas or written as a list in the stack file. */
export function list<T>(about: About, item: z.ZodType<T, string>, minimum: number) {
  const schema = z
    .string()
    .transform((text, context) => {
      if (!text.trim().startsWith("["))
        return text
          .split(",")
          .map((part) => part.trim())
          .filter((part) => part !== "");
      try {
        return JSON.parse(text) as string[];
      } catch {
        context.addIssue({ code: "custom", message: "expected a list" });
        return z.NEVER;
      }
    })
    .pipe(z.array(item).min(minimum, `expected at least ${minimum} ${minimum === 1 ? "entry" : "entries"}`));
  return described(schema, about, { type: ["array", "string"], items: { type: "string" } });
}

/** Gives a field a default. `text` is the value as it would be typed. */
export function withDefault<T>(schema: z.ZodType<T, string>, text: string) {
  const value = schema.parse(text);
  return schema
    .optional()
    .transform((given) => given ?? value)
    .register(fieldInfo, { ...infoOf(schema), defaultText: text });
}

/** A field that may be left out, with nothing in its place. */
export function optional<T>(schema: z.ZodType<T, string>) {
  return schema.optional().register(fieldInfo, infoOf(schema));
}

/** A structure given in the stack file, read from its JSON. */
export function structure<T>(about: About, schema: z.ZodType<T>) {
  const reader = z.string().transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: "expected a structure (YAML in the stack file, or JSON)" });
      return z.NEVER;
    }
  });
  return described(
    reader.pipe(schema as z.ZodType<T, unknown>),
    about,
    z.toJSONSchema(schema, { io: "input" }) as Record<string, unknown>,
  );
}

function described<T extends z.ZodType>(schema: T, about: About, json: Record<string, unknown>): T {
  fieldInfo.add(schema, { ...about, json });
  return schema;
}

function infoOf(schema: z.ZodType): FieldInfo {
  const info = fieldInfo.get(schema);
  if (!info) throw new Error("expected a schema made by this module");
  return info;
}
