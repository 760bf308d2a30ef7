/**
 * A small client of the Proxmox VE API: every call bounded, only GET repeated, the token in a header and nowhere else.
 */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { callApi } from "../http/api.ts";
import type { RetryPolicy } from "../retry.ts";
import { wordsFor } from "./errors.ts";

const usual: RetryPolicy = { attempts: 3, attemptMs: 30_000, pauseMs: 500 };

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
    private readonly retry: RetryPolicy = usual,
  ) {}

  get endpoint(): string {
    return this.access.endpoint;
  }

  /**
   * What the API has under a path.
   * @param shape of what stands there as `data`.
   * @throws ProxmoxError, after as many tries as may help.
   */
  get<T>(path: string, shape: z.ZodType<T>, query: Fields = {}): Promise<T> {
    return this.ask("GET", withQuery(path, query), shape);
  }

  /** Never repeated: what was answered may have been done. @throws ProxmoxError */
  send<T>(method: "POST" | "PUT" | "DELETE", path: string, shape: z.ZodType<T>, fields: Fields = {}): Promise<T> {
    if (method === "DELETE") return this.ask(method, withQuery(path, fields), shape);
    return this.ask(method, path, shape, form(fields));
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

  private async ask<T>(method: string, path: string, shape: z.ZodType<T>, body?: string): Promise<T> {
    const { endpoint, token, insecure } = this.access;
    const [tokenName = ""] = token.split("=");
    const content = body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
    const answer = await callApi({
      url: `${endpoint}/api2/json${path}`,
      method,
      headers: { authorization: `PVEAPIToken=${token}`, accept: "application/json", ...content },
      body,
      shape: z.object({ data: shape }),
      ...{ signal: this.signal, insecure, retry: this.retry, repeatable: method === "GET" },
      // Of a token, what stands behind its name: the name is in Proxmox VE's own words, and no secret.
      secrets: [token.slice(token.indexOf("=") + 1)],
      words: wordsFor({ endpoint, method, path: path.split("?")[0] ?? path, tokenName }),
    });
    return answer.body.data as T;
  }
}

/** Who asks. */
export interface Asking {
  /** Where Proxmox VE is, as the provider of a stack is configured. */
  config: {
    proxmoxEndpoint?: string | undefined;
    /** Secret. */
    proxmoxToken?: string | undefined;
    proxmoxInsecure?: boolean | undefined;
  };
  /** Aborted when the user cancels. */
  signal: AbortSignal;
}

/** The API as the stack's configuration says where it is. @throws Error when it does not. */
export function proxmoxApi({ config, signal }: Asking): ProxmoxApi {
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
