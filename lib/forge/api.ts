/**
 * A small client of the forge's API and of its runner protocol: what is asked, and with which token; how, is said under lib/http.
 */
import type { z } from "zod";
import { type Answer, callApi } from "../http/api.ts";
import type { RetryPolicy } from "../retry.ts";
import { wordsFor } from "./errors.ts";

const usual: RetryPolicy = { attempts: 3, attemptMs: 10_000, pauseMs: 500, totalMs: 20_000 };

/** A forge as its callers address it. */
export interface ForgeAccess {
  /** Base URL, for example `https://forge.example.org`. */
  url: string;
  /** API token; secret. Not needed for the version and the runner protocol. */
  token?: string | undefined;
  /** Aborted when the user cancels; every call ends then, with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Default: 3 attempts of 10 s within 20 s. */
  retry?: RetryPolicy | undefined;
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
  const call = {
    method,
    path: `/api/v1${path}`,
    headers: authorization(forge),
    body,
    shape,
    repeatable: method !== "POST",
  };
  return ask(forge, call, forge.token);
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
  const headers = { "connect-protocol-version": "1" };
  const call = { method: "POST", path: `/api/actions/${name}`, headers, body, shape, repeatable: false };
  return (await ask(forge, call, body.token)).body;
}

/** What differs from call to call. */
interface Asked<T> {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: object | undefined;
  shape: z.ZodType<T>;
  repeatable: boolean;
}

function ask<T>(
  { url, signal, retry = usual }: ForgeAccess,
  { method, path, headers, body, shape, repeatable }: Asked<T>,
  secret: string | undefined,
): Promise<Answer<T>> {
  const content = body === undefined ? {} : { "content-type": "application/json" };
  return callApi({
    url: `${url}${path}`,
    method,
    headers: { accept: "application/json", ...headers, ...content },
    body: body === undefined ? undefined : JSON.stringify(body),
    ...{ shape, signal, retry, repeatable },
    secrets: secret === undefined ? [] : [secret],
    words: wordsFor({ forgeUrl: url, method, path }, retry.attemptMs),
  });
}

function authorization({ token }: ForgeAccess): Record<string, string> {
  return token ? { authorization: `token ${token}` } : {};
}
