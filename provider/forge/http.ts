/**
 * HTTP to the forge: every call bounded, repeated only where that is harmless, one clear error a failure (errors.ts), no
 * secret in any message.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { z } from "zod";
import { type HttpAnswer, exchange as overHttp } from "../../lib/http/exchange.ts";
import { HttpFailure } from "../../lib/http/failure.ts";
import { parseJson } from "../../lib/http/json.ts";
import { badContent, badStatus, type Call, ForgeError, noAnswer, type RawAnswer } from "./errors.ts";
import { withheld } from "./withhold.ts";

/** How long a call may take. */
export interface Bounds {
  /** Milliseconds that one try may take. */
  tryMs: number;
  /** Tries of a call that is harmless to repeat. */
  tries: number;
  /** Milliseconds after which no other try begins, and the last one ends. */
  totalMs: number;
  /** Milliseconds before the second try, more before each further one, none of them exact. */
  pauseMs: number;
}

const usual: Bounds = { tryMs: 10_000, tries: 3, totalMs: 20_000, pauseMs: 500 };

/** A forge as its callers address it. */
export interface ForgeAccess {
  /** Base URL, for example `https://forge.example.org`. */
  url: string;
  /** API token; secret. Not needed for the version and the runner protocol. */
  token?: string | undefined;
  /** Aborted when the user cancels; every call ends then, with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Default: 10 s a try, 3 tries within 20 s. */
  bounds?: Bounds | undefined;
}

/** What the forge answered. */
export interface Answer<T> {
  body: T;
  headers: Headers;
}

/**
 * One call of the REST API below `/api/v1`. GET and DELETE are repeated when the answer got lost; nothing else ever is.
 * @param shape what the answer must look like; `z.unknown()` for an answer that does not matter.
 * @throws ForgeError
 */
export async function api<T>(
  forge: ForgeAccess,
  method: "GET" | "POST" | "DELETE",
  path: string,
  shape: z.ZodType<T>,
  body?: object,
): Promise<Answer<T>> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (forge.token) headers.authorization = `token ${forge.token}`;
  const call = { forgeUrl: forge.url, method, path: `/api/v1${path}` };
  const once = (ms: number) => exchange(forge, call, headers, body, shape, ms, forge.token);
  return withholding(forge.token, method === "POST" ? once(within(forge)) : patiently(forge, once));
}

/**
 * One call of the runner protocol (Connect, JSON encoding). Never repeated.
 * @param name service and method.
 * @throws ForgeError
 */
export async function runnerCall<T>(
  forge: ForgeAccess,
  name: "runner.v1.RunnerService/Register" | "ping.v1.PingService/Ping",
  body: { token?: string; [field: string]: unknown },
  shape: z.ZodType<T>,
): Promise<T> {
  const headers = { "connect-protocol-version": "1", accept: "application/json" };
  const call = { forgeUrl: forge.url, method: "POST", path: `/api/actions/${name}` };
  const answer = exchange(forge, call, headers, body, shape, within(forge), body.token);
  return (await withholding(body.token, answer)).body;
}

/** Keeps the secret out of the error, whoever repeated it: the forge in its answer, or the HTTP client. */
async function withholding<T>(secret: string | undefined, answer: Promise<T>): Promise<T> {
  return answer.catch((error: Error) => {
    throw secret && error instanceof ForgeError ? error.without(secret) : error;
  });
}

/** Tries until an answer comes that is no passing failure, within the bounds. */
async function patiently<T>(forge: ForgeAccess, once: (ms: number) => Promise<T>): Promise<T> {
  const { tries, totalMs, pauseMs } = forge.bounds ?? usual;
  const end = Date.now() + totalMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(within(forge, end - Date.now()));
    } catch (error) {
      // Spread out, so that stacks which lost the forge together do not come back together.
      const ms = pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random());
      const hopeless = !(error instanceof ForgeError && error.retryable);
      if (hopeless || attempt >= tries || Date.now() + ms >= end) throw error;
      await pause(ms, undefined, { signal: forge.signal }).catch(() => forge.signal?.throwIfAborted());
    }
  }
}

/** Milliseconds that the next try may take. */
function within(forge: ForgeAccess, leftMs = Number.POSITIVE_INFINITY): number {
  return Math.max(1, Math.min((forge.bounds ?? usual).tryMs, Math.ceil(leftMs)));
}

async function exchange<T>(
  forge: ForgeAccess,
  call: Call,
  headers: Record<string, string>,
  body: object | undefined,
  shape: z.ZodType<T>,
  ms: number,
  secret: string | undefined,
): Promise<Answer<T>> {
  const answer = await ask(forge, call, headers, body, ms);
  const { status, headers: told } = answer;
  // Before it is cut short: half a secret is not recognised.
  const text = withheld(answer.body.toString("utf8", 0, 10_000), secret ?? "");
  const said: RawAnswer = { status, headers: told, text };
  if (status < 200 || status >= 300) throw badStatus(call, said);
  const read = parseJson(answer.body);
  if ("problem" in read) throw badContent(call, said);
  const parsed = shape.safeParse(read.value);
  if (parsed.success) return { body: parsed.data, headers: told };
  throw badContent(call, said, parsed.error.issues[0]?.path.join(".") ?? "");
}

async function ask(
  forge: ForgeAccess,
  call: Call,
  headers: Record<string, string>,
  body: object | undefined,
  ms: number,
): Promise<HttpAnswer> {
  try {
    return await overHttp({
      url: `${call.forgeUrl}${call.path}`,
      method: call.method,
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      limits: { ms },
      signal: forge.signal,
    });
  } catch (error) {
    throw error instanceof HttpFailure ? noAnswer(call, error, (forge.bounds ?? usual).tryMs / 1000) : error;
  }
}
