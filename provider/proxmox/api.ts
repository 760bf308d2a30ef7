/**
 * A small client of the Proxmox VE API: every call bounded, only GET repeated, the token in a header and nowhere else.
 */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { rootCertificates } from "node:tls";
import type { Operation } from "../kind.ts";
import { type Call, noAnswer, ProxmoxError, refused } from "./errors.ts";

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

/** The API of one cluster. */
export class ProxmoxApi {
  private readonly ca: string[] | undefined;

  constructor(
    private readonly access: { endpoint: string; token: string; insecure: boolean },
    private readonly signal: AbortSignal,
    private readonly bounds: Bounds = usual,
  ) {
    // The same file that the provider for Proxmox VE reads; Node.js by itself looks elsewhere.
    const file = process.env.SSL_CERT_FILE;
    this.ca = file ? [...rootCertificates, readFileSync(file, "utf8")] : undefined;
  }

  get endpoint(): string {
    return this.access.endpoint;
  }

  /** @throws ProxmoxError, after as many tries as may help. */
  async get<T>(path: string, query: Fields = {}): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.exchange("GET", withQuery(path, query))) as T;
      } catch (error) {
        if (attempt >= this.bounds.tries || !(error instanceof ProxmoxError && error.passing)) throw error;
        await pause(this.bounds.pauseMs * 2 ** (attempt - 1), undefined, { signal: this.signal });
      }
    }
  }

  /** Never repeated: what was answered may have been done. @throws ProxmoxError */
  async send<T>(method: "POST" | "PUT" | "DELETE", path: string, fields: Fields = {}): Promise<T> {
    if (method === "DELETE") return (await this.exchange(method, withQuery(path, fields))) as T;
    return (await this.exchange(method, path, form(fields))) as T;
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
      const { status, exitstatus = "" } = await this.get<{ status: string; exitstatus?: string }>(
        `/nodes/${node}/tasks/${encodeURIComponent(upid)}/status`,
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

  private exchange(method: string, path: string, body?: string): Promise<unknown> {
    const { endpoint, token, insecure } = this.access;
    const [tokenName = ""] = token.split("=");
    const call: Call = { endpoint, method, path: path.split("?")[0] ?? path, tokenName };
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(this.bounds.tryMs)]);
    return new Promise((resolve, reject) => {
      const failed = (cause: Error) => {
        if (this.signal.aborted) return reject(this.signal.reason);
        const bound = `no answer within ${this.bounds.tryMs / 1000} s`;
        reject(noAnswer(call, signal.aborted ? new Error(bound, { cause }) : cause));
      };
      const sent = request(
        `${endpoint}/api2/json${path}`,
        {
          method,
          signal,
          rejectUnauthorized: !insecure,
          ...(this.ca ? { ca: this.ca } : {}),
          headers: {
            authorization: `PVEAPIToken=${token}`,
            accept: "application/json",
            ...(body === undefined
              ? {}
              : { "content-type": "application/x-www-form-urlencoded", "content-length": Buffer.byteLength(body) }),
          },
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (part) => {
            text += part;
          });
          answer.on("error", failed);
          answer.on("end", () => {
            const { statusCode: status = 0, statusMessage: reason = "" } = answer;
            const parsed = parse(text);
            if (status >= 200 && status < 300 && parsed) resolve(parsed.data);
            else if (status >= 200 && status < 300) reject(refused(call, status, "with an answer that is no JSON"));
            else reject(refused(call, status, withheld(explain(reason, parsed), token)));
          });
        },
      );
      sent.on("error", failed);
      sent.end(body);
    });
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

interface Body {
  data?: unknown;
  message?: string;
  errors?: Record<string, string>;
}

function parse(text: string): Body | undefined {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return undefined;
  }
}

/** Proxmox VE's reason with what it says of single fields. */
function explain(reason: string, body: Body | undefined): string {
  const fields = Object.entries(body?.errors ?? {}).map(([name, text]) => `${name}: ${text.trim()}`);
  const [first = ""] = (body?.message ?? "").trim().split("\n");
  return [reason || first, ...fields].join("; ");
}

/** A proxy in between may repeat what it was sent. */
function withheld(text: string, token: string): string {
  const secret = token.slice(token.indexOf("=") + 1);
  return secret.length < 4 ? text : text.replaceAll(secret, "[secret]");
}
