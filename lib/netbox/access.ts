/**
 * The NetBox of a stack, reached in the way that works: directly, else through the jump hosts that the stack knows. Found out
 * once for each process.
 */
import type { Agent } from "node:http";
import { z } from "zod";
import { proxyFor } from "../http/proxy.ts";
import type { RetryPolicy } from "../retry.ts";
import type { SshTarget } from "../ssh/dial.ts";
import { NetboxApi } from "./api.ts";
import { NetboxError } from "./errors.ts";
import { tunnel } from "./tunnel.ts";

/** Who asks. */
export interface Asking {
  /** Where NetBox is, as the provider of a stack is configured. */
  config: {
    netboxUrl?: string | undefined;
    /** Secret. */
    netboxToken?: string | undefined;
    netboxJumps?: readonly SshTarget[] | undefined;
  };
  /** Aborted when the user cancels. */
  signal: AbortSignal;
  /** Told which way was taken where it is not the direct one. */
  log(severity: "info", text: string): void;
}

/** How long a way is tried before the next one is. */
const look: RetryPolicy = { attempts: 1, attemptMs: 5_000, pauseMs: 0 };

/** Ways that were found, by URL and jump hosts; `undefined` is the direct one. */
const found = new Map<string, Promise<Agent | undefined>>();

/**
 * NetBox as the stack's configuration says where it is.
 * @throws Error when it does not say so, or when no way leads there, with what became of each.
 */
export async function netboxApi(asking: Asking): Promise<NetboxApi> {
  const { netboxUrl: url, netboxToken: token, netboxJumps: jumps = [] } = asking.config;
  if (!url || !token) throw new Error("the plugin's provider has no NetBox: it needs netboxUrl and netboxToken");
  const { signal } = asking;
  // Without a choice there is nothing to look for.
  if (jumps.length === 0) return new NetboxApi({ url, token, signal });
  const key = JSON.stringify([url, jumps]);
  const way = found.get(key) ?? findWay({ url, token, jumps }, asking);
  found.set(key, way);
  // What failed once may be mended by the next time.
  way.catch(() => found.delete(key));
  return new NetboxApi({ url, token, signal, agent: await way });
}

async function findWay(
  { url, token, jumps }: { url: string; token: string; jumps: readonly SshTarget[] },
  { signal, log }: Asking,
): Promise<Agent | undefined> {
  const proxied = url.startsWith("http:") && proxyFor(new URL(url)) !== undefined;
  const directly = await answers(new NetboxApi({ url, token, signal, retry: look }), proxied);
  if (directly === undefined) return undefined;
  const failures: string[] = [];
  for (const jump of jumps) {
    const place = `${jump.user}@${jump.host}`;
    try {
      const agent = await tunnel(jump, url);
      const failure = await answers(new NetboxApi({ url, token, signal, retry: look, agent }));
      if (failure === undefined) {
        log("info", `netbox api unreachable directly; using ssh tunnel via ${place}`);
        return agent;
      }
      failures.push(`tunnel probe via ${place} failed: ${failure}`);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`ssh tunnel via ${place} failed: ${(error as Error).message}`);
    }
  }
  throw new Error(
    `NetBox API unreachable (${directly}); ${failures.join("; ")}. Ensure your workstation has L3 access to the management network, or configure a bastion: ssh_proxy_jump_host`,
  );
}

/** Why NetBox does not answer there; undefined when it does, be it by a refusal. */
async function answers(api: NetboxApi, proxied = false): Promise<string | undefined> {
  try {
    await api.get("/status/", z.unknown());
    return undefined;
  } catch (error) {
    if (!(error instanceof NetboxError)) throw error;
    // Over http: a proxy says in NetBox's place that it did not reach it.
    const isProxys = proxied && [502, 503, 504].includes(error.status);
    return error.status === 0 || isProxys ? error.message : undefined;
  }
}
