/**
 * A small client of the Proxmox VE API: every call bounded, only GET repeated, the token in a header and nowhere else.
 */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { exchange, type HttpAnswer } from "../../lib/http/exchange.ts";
import { HttpFailure } from "../../lib/http/failure.ts";
import { parseJson } from "../../lib/http/json.ts";
import type { Operation } from "../kind.ts";
import { badContent, type Call, noAnswer, ProxmoxError, refused } from "./errors.ts";

/** How long things may take. */
export interface Bounds {
  /** Milliseconds of one try of one call. */
  tryMs: number;
  /** Tries of a GET. */
  tries: number;
  /** Milliseconds before the second try; twice as many before each further one. */
  pauseMs: number;
}

const usual: Bounds = { tryMs: 30_000, tries: 3, pauseMs: 500 };

/** Parameters of a call. */
export type Fields = Record<string, string | number>;

/** The name of a task, by which it is asked for. */
export const taskName = z.string().min(1);
const taskStatus = z.object({ status: z.string(), exitstatus: z.string().optional() });

/** The API of one cluster. */
export class ProxmoxApi {
  constructor(
    private readonly access: { endpoint: string; token: string; insecure: boolean },
    private readonly signal: AbortSignal,
    private readonly bounds: Bounds = usual,
  ) {}

  get endpoint(): string {
    return this.access.endpoint;
  }

  /**
   * What the API has under a path.
   * @param shape of what stands there as `data`.
   * @throws ProxmoxError, after as many tries as may help.
   */
  async get<T>(path: string, shape: z.ZodType<T>, query: Fields = {}): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.exchange("GET", withQuery(path, query), shape);
      } catch (error) {
        if (attempt >= this.bounds.tries || !(error instanceof ProxmoxError && error.retryable)) throw error;
        await pause(this.bounds.pauseMs * 2 ** (attempt - 1), undefined, { signal: this.signal });
      }
    }
  }

  /** Never repeated: what was answered may have been done. @throws ProxmoxError */
  async send<T>(method: "POST" | "PUT" | "DELETE", path: string, shape: z.ZodType<T>, fields: Fields = {}): Promise<T> {
    if (method === "DELETE") return this.exchange(method, withQuery(path, fields), shape);
    return this.exchange(method, path, shape, form(fields));
  }

  /**
   * Waits until a task has ended.
   * @param withinMs bound on that.
   * @throws Error when it failed or did not end in time, naming it.
   */
  async ended(upid: string, withinMs: number): Promise<void> {
    const [, node = "", , , , type = "task", id = ""] = upid.split(":");
    const end = performance.now() + withinMs;
    const what = `task ${type} of ${id || "the cluster"} on node ${node}`;
    for (let wait = 200; ; wait = Math.min(wait * 1.5, 1_000)) {
      const { status, exitstatus = "" } = await this.get(
        `/nodes/${encodeURIComponent(node)}/tasks/${encodeURIComponent(upid)}/status`,
        taskStatus,
      );
      if (status === "stopped") {
        if (exitstatus === "OK" || exitstatus.startsWith("WARNINGS")) return;
        throw new Error(`${what} failed: ${exitstatus}; its log is in the node's task list`);
      }
      if (performance.now() + wait >= end) {
        throw new Error(`${what} did not end within ${Math.round(withinMs / 1000)} s; look at it in the task list`);
      }
      await pause(wait, undefined, { signal: this.signal });
    }
  }

  private async exchange<T>(method: string, path: string, shape: z.ZodType<T>, content?: string): Promise<T> {
    const { endpoint, token } = this.access;
    const [tokenName = ""] = token.split("=");
    const call: Call = { endpoint, method, path: path.split("?")[0] ?? path, tokenName };
    const { status, reason, body } = await this.ask(call, `${endpoint}/api2/json${path}`, content);
    const fine = status >= 200 && status < 300;
    const read = parseJson(fine ? body : Buffer.from(withheld(body.toString("utf8"), token)));
    if (!fine) throw refused(call, status, withheld(explain(reason, "value" in read ? read.value : undefined), token));
    if ("problem" in read || read.value === undefined) {
      throw badContent(call, status, "problem" in read ? read.problem : "nothing");
    }
    const parsed = z.object({ data: shape }).safeParse(read.value);
    if (parsed.success) return parsed.data.data as T;
    throw badContent(call, status, `JSON of another shape (at ${parsed.error.issues[0]?.path.join(".") || "its top"})`);
  }

  private async ask(call: Call, url: string, body: string | undefined): Promise<HttpAnswer> {
    const { token, insecure } = this.access;
    const content = body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
    try {
      return await exchange({
        url,
        method: call.method,
        headers: { authorization: `PVEAPIToken=${token}`, accept: "application/json", ...content },
        body,
        limits: { ms: this.bounds.tryMs },
        signal: this.signal,
        insecure,
      });
    } catch (error) {
      throw error instanceof HttpFailure ? noAnswer(call, error) : error;
    }
  }
}

/** The API as the stack's configuration says where it is. @throws Error when it does not. */
export function proxmoxApi({ config, signal }: Pick<Operation, "config" | "signal">): ProxmoxApi {
  const { proxmoxEndpoint: endpoint, proxmoxToken: token, proxmoxInsecure: insecure = false } = config;
  if (!endpoint || !token) {
    throw new Error("the plugin's provider has no Proxmox VE: it needs proxmoxEndpoint and proxmoxToken");
  }
  return new ProxmoxApi({ endpoint, token, insecure }, signal);
}

function form(fields: Fields): string {
  return new URLSearchParams(
    Object.entries(fields).map(([name, value]): [string, string] => [name, `${value}`]),
  ).toString();
}

function withQuery(path: string, query: Fields): string {
  const text = form(query);
  return text === "" ? path : `${path}?${text}`;
}

const complaint = z.object({
  message: z.string().optional().catch(undefined),
  errors: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

/** Proxmox VE's reason with what it says of single fields. */
function explain(reason: string, body: unknown): string {
  const { message = "", errors = {} } = complaint.safeParse(body).data ?? {};
  const fields = Object.entries(errors).map(([name, what]) => `${name}: ${String(what).trim()}`);
  const [first = ""] = message.trim().split("\n");
  return [reason || first, ...fields].join("; ").slice(0, 2_000);
}

/** A proxy in between may repeat what it was sent. */
function withheld(text: string, token: string): string {
  const secret = token.slice(token.indexOf("=") + 1);
  return secret.length < 4 ? text : text.replaceAll(secret, "[secret]");
}
