/**
 * The one place where property values cross the border between the engine and this plugin: protobuf structs on the
 * wire, plain objects inside, with secrets and unknowns kept exactly as the engine marked them.
 *
 * The marks are constants of Pulumi's wire format (sdk/nodejs/runtime/rpc.ts).
 */
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import { secretSignature, signatureKey } from "./signatures.ts";

/** Stands for a value that is not known before the update runs. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Anything that a property can hold. */
export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };

/** The properties of a resource by name. */
export type Properties = { [name: string]: Value };

/** Properties as a handler sees them: in the clear, with the names of those that hold a secret anywhere inside. */
export interface Decoded {
  values: Properties;
  secrets: ReadonlySet<string>;
}

/** Reads a struct off the wire. An absent struct reads as no properties. */
export function decode(struct: structpb.Struct | undefined): Decoded {
  const raw = (struct?.toJavaScript() ?? {}) as Properties;
  const values: Properties = {};
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(raw)) {
    values[name] = unwrap(value, () => secrets.add(name));
  }
  return { values, secrets };
}

/** Writes properties to the wire, marking those named in `secrets` as secret as a whole. */
export function encode(values: Properties, secrets: ReadonlySet<string>): structpb.Struct {
  const marked: Properties = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    marked[name] = secrets.has(name) ? { [signatureKey]: secretSignature, value } : value;
  }
  return structpb.Struct.fromJavaScript(marked as Parameters<typeof structpb.Struct.fromJavaScript>[0]);
}

/** Whether an unknown stands anywhere inside the value. */
export function holdsUnknown(value: Value | undefined): boolean {
  if (value === UNKNOWN) return true;
  if (value === null || typeof value !== "object") return false;
  return Object.values(value).some(holdsUnknown);
}

function unwrap(value: Value, onSecret: () => void): Value {
  if (Array.isArray(value)) return value.map((item) => unwrap(item, onSecret));
  if (value === null || typeof value !== "object") return value;
  if (value[signatureKey] === secretSignature) {
    onSecret();
    return unwrap(value.value ?? null, onSecret);
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unwrap(item, onSecret)]));
}
