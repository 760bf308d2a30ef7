/**
 * A client for the simulated Proxmox VE that shows what a real client sees: status, reason phrase, body.
 */
import { Agent, request } from "node:https";
import { onTestFinished } from "vitest";
import { type ProxmoxOptions, type SimulatedProxmox, startProxmox } from "../../lab/proxmox/simulator.ts";
import { until } from "../../lab/wait.ts";

/** An answer. */
export interface ApiAnswer {
  status: number;
  reason: string;
  body: { data: unknown; message?: string; errors?: Record<string, string> };
}

type Fields = Record<string, string>;

/** A simulation of this test's own, and how to talk to it. */
export interface Api {
  readonly proxmox: SimulatedProxmox;
  /** Sends a request below `/api2/json`. @throws Error when the connection breaks. */
  send(method: string, path: string, fields?: Fields, headers?: Fields): Promise<ApiAnswer>;
  /** Like `send`, for requests that have to be accepted; returns their data. */
  must(method: string, path: string, fields?: Fields): Promise<unknown>;
  /** Sends a request that starts a task; returns the task's exit status and log once it has ended. */
  task(method: string, path: string, fields?: Fields): Promise<{ exitstatus: string; log: string[] }>;
}

/** Starts a simulation that ends with the test. */
export async function proxmoxApi(options: ProxmoxOptions = {}): Promise<Api> {
  const proxmox = await startProxmox({ taskMs: 1, agentMs: 0, ...options });
  const agent = new Agent({ ca: proxmox.certificate, keepAlive: true });
  onTestFinished(() => proxmox.stop());

  async function send(method: string, path: string, fields?: Fields, headers: Fields = authorization(proxmox.token)) {
    const form = new URLSearchParams(fields).toString();
    const hasBody = method !== "GET" && method !== "DELETE" && form !== "";
    const url = `${proxmox.url}/api2/json${path}${hasBody || form === "" ? "" : `?${form}`}`;
    return new Promise<ApiAnswer>((resolve, reject) => {
      const type = hasBody ? { "content-type": "application/x-www-form-urlencoded" } : {};
      const call = request(url, { method, agent, headers: { ...headers, ...type } }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => {
          text += chunk;
        });
        response.on("error", reject).on("end", () => {
          const { statusCode: status = 0, statusMessage: reason = "" } = response;
          resolve({ status, reason, body: JSON.parse(text) });
        });
      });
      call.on("error", reject);
      call.end(hasBody ? form : undefined);
    });
  }

  async function must(method: string, path: string, fields?: Fields): Promise<unknown> {
    const { status, reason, body } = await send(method, path, fields);
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${reason} ${JSON.stringify(body)}`);
    return body.data;
  }

  async function task(method: string, path: string, fields?: Fields) {
    const upid = String(await must(method, path, fields));
    const at = `/nodes/${upid.split(":")[1]}/tasks/${encodeURIComponent(upid)}`;
    const ended = await until(
      { what: `the end of ${upid}`, boundMs: 5_000, everyMs: 2, lookAt: "the task" },
      async () => {
        const now = (await must("GET", `${at}/status`)) as { status: string; exitstatus: string };
        return now.status === "stopped" ? now : undefined;
      },
    );
    const log = (await must("GET", `${at}/log`)) as { t: string }[];
    return { exitstatus: ended.exitstatus, log: log.map(({ t }) => t) };
  }

  return { proxmox, send, must, task };
}

/** The header for an API token. */
export function authorization(token: string): Fields {
  return { authorization: `PVEAPIToken=${token}` };
}
