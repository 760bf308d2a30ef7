/**
 * Asking a JSON API: every call bounded, repeated only where that is harmless, its answer looked at before anybody uses it, and no
 * secret in any message. What differs from API to API is how it is told who asks, what it says when it refuses, and what to do
 * about it.
 */
import type { z } from "zod";
import { printable } from "../printable.ts";
import { type RetryPolicy, retrying } from "../retry.ts";
import { exchange, type HttpAnswer, type HttpCall } from "./exchange.ts";
import { HttpFailure } from "./failure.ts";
import { type Parsed, parseJson } from "./json.ts";
import { withheld } from "./withhold.ts";

/** A call of an API that did not give what was asked for. */
export abstract class ApiError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }

  /** Whether a call that is harmless to repeat may do better in a moment. */
  abstract get retryable(): boolean;

  /** Whether nothing was sent, and nothing will be until this machine's environment or the call is another one. */
  protected get isFinal(): boolean {
    return this.cause instanceof HttpFailure && this.cause.isFinal;
  }
}

/** An answer that is none of use, as errors tell of it: without any secret. */
export interface Refusal {
  status: number;
  /** What stands behind the status in the first line; may be empty. */
  reason: string;
  /** The body, as far as anybody reads. */
  text: string;
  /** The same as JSON. */
  json: Parsed;
  /** A header's value; empty where there is none. */
  header(name: string): string;
}

/** How an API's errors are worded. */
export interface ApiWords {
  /** No answer came. */
  noAnswer(failure: HttpFailure): ApiError;
  /** Its status is no success. */
  refused(answer: Refusal): ApiError;
  /** A success, but not what the API promises; `problem` says what came instead, never a value. */
  badContent(answer: Refusal, problem: string): ApiError;
}

/** One call of an API. */
export interface ApiCall<T> extends Omit<HttpCall, "limits"> {
  /** What the answer must look like; `z.unknown()` for one that does not matter. */
  shape: z.ZodType<T>;
  words: ApiWords;
  /** What is taken out of everything that the other side says. */
  secrets: readonly string[];
  retry: RetryPolicy;
  /** Whether it is harmless to make the call twice. */
  repeatable: boolean;
}

/** What an API answered. */
export interface Answer<T> {
  body: T;
  headers: Headers;
}

/**
 * Asks, and again while that may help.
 * @throws ApiError of the call's words, or the signal's reason when it was aborted.
 */
export async function callApi<T>(call: ApiCall<T>): Promise<Answer<T>> {
  const { retry, repeatable, signal } = call;
  const policy = repeatable ? retry : { ...retry, attempts: 1 };
  return retrying(
    policy,
    (ms) => once(call, ms),
    (error) => error instanceof ApiError && error.retryable,
    signal,
  );
}

async function once<T>(call: ApiCall<T>, ms: number): Promise<Answer<T>> {
  const { shape, words, secrets } = call;
  const answer = await exchange({ ...call, limits: { ms } }).catch((error: unknown) => {
    throw error instanceof HttpFailure ? words.noAnswer(error) : error;
  });
  if (answer.status < 200 || answer.status >= 300) throw words.refused(refusalOf(answer, secrets));
  const read = parseJson(answer.body);
  if ("problem" in read) throw words.badContent(refusalOf(answer, secrets), read.problem);
  const parsed = shape.safeParse(read.value);
  if (parsed.success) return { body: parsed.data, headers: answer.headers };
  throw words.badContent(refusalOf(answer, secrets), problemOf(read.value, parsed.error));
}

function problemOf(value: unknown, { issues }: z.ZodError): string {
  if (value === undefined) return "nothing";
  return otherShape(issues[0]?.path.join("."));
}

/** @param where a path into the JSON; empty for its top. */
export function otherShape(where: string | undefined): string {
  return `JSON of another shape than this API has (at ${where || "its top"})`;
}

/** Bytes of a body that errors tell of. */
const toldBytes = 256 * 1024;

function refusalOf({ status, reason, headers, body }: HttpAnswer, secrets: readonly string[]): Refusal {
  // Before anything is cut short: half a secret is harder to recognise.
  const text = withheld(body.toString("utf8", 0, toldBytes), secrets);
  return {
    status,
    reason: withheld(reason, secrets),
    text,
    json: parseJson(Buffer.from(text)),
    header: (name) => withheld(headers.get(name) ?? "", secrets),
  };
}
