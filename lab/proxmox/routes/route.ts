/**
 * What every route of the simulated API has in common: its caller, its fields, and that its answer is `{"data": …}`.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { badParameters } from "../api-error.ts";
import type { Caller } from "../permissions.ts";
import type { Fields } from "../vm-config.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set once the request is authenticated. */
    caller: Caller;
  }
}

/** A request as routes see it. */
export interface Call {
  readonly caller: Caller;
  /** Parameters of the path, decoded. */
  readonly params: Record<string, string>;
  /** Query and form fields together, as Proxmox VE reads them. */
  readonly fields: Fields;
  readonly request: FastifyRequest;
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** Adds a route. What the handler returns is the answer's `data`. */
export function route(api: FastifyInstance, method: Method, url: string, handle: (call: Call) => unknown): void {
  api.route({
    method,
    url,
    async handler(request) {
      const params = request.params as Record<string, string>;
      const data = await handle({ caller: request.caller, params, fields: fieldsOf(request), request });
      return { data: data ?? null };
    },
  });
}

function fieldsOf(request: FastifyRequest): Fields {
  const all = { ...(request.query as object), ...(request.body as object | null) };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, String(value)]));
}

/** A field that has to be there. @throws ApiError 400. */
export function required(fields: Fields, name: string): string {
  const value = fields[name];
  if (value === undefined) throw badParameters({ [name]: "property is missing and it is not optional" });
  return value;
}

/** A VM's id. @throws ApiError 400 when it is none. */
export function vmId(text: string, name = "vmid"): number {
  const vmid = Number(text);
  if (!/^[1-9]\d{2,8}$/.test(text))
    throw badParameters({ [name]: `invalid format - value does not look like a valid VM ID` });
  return vmid;
}
