/**
 * The one way in which holdfast asks an API over HTTP: one request, one answer, both bounded. What the other side sends is not
 * trusted with anything: neither its length nor its pace, neither its headers nor its encoding can do more than make the
 * call fail. Redirects are told, never followed: what is sent along is meant for the place that was asked.
 */
import type { IncomingMessage } from "node:http";
import { HttpFailure } from "./failure.ts";
import { type HttpRequest, headersOf, send } from "./request.ts";

/** Bounds of one call. */
export interface Limits {
  /** Milliseconds from the connection to the last byte of the answer. */
  ms: number;
  /** Bytes of the answer's body. Default: 32 MiB, which is more than a page of any of these APIs has. */
  bytes?: number;
}

const usualBytes = 32 * 1024 * 1024;

/** One call. */
export interface HttpCall extends HttpRequest {
  limits: Limits;
  /** Aborted when the user cancels: the call ends then, with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** What came back. */
export interface HttpAnswer {
  status: number;
  /** What stands behind the status in the first line; may be empty. */
  reason: string;
  headers: Headers;
  /** The body as it came. */
  body: Buffer;
}

/**
 * Asks once.
 * @throws HttpFailure when no whole answer came within the bounds, and the signal's reason when it was aborted. Any status is
 * an answer.
 */
export async function exchange({ limits, signal: cancelled, ...request }: HttpCall): Promise<HttpAnswer> {
  cancelled?.throwIfAborted();
  const bound = new AbortController();
  const late = new HttpFailure("late", `no answer within ${limits.ms / 1000} s`);
  const timer = setTimeout(() => bound.abort(late), limits.ms);
  const signal = cancelled ? AbortSignal.any([cancelled, bound.signal]) : bound.signal;
  try {
    return await send(request, signal, (answer) =>
      // To a HEAD, the headers speak of a body that does not come.
      receive(answer, request.method === "HEAD" ? Number.POSITIVE_INFINITY : (limits.bytes ?? usualBytes)),
    );
  } catch (error) {
    cancelled?.throwIfAborted();
    throw bound.signal.aborted ? late : HttpFailure.from(error as Error);
  } finally {
    clearTimeout(timer);
  }
}

/** The whole body. Nothing is done in the answer's events but noting: what throws there ends the process. */
function receive(answer: IncomingMessage, most: number): Promise<HttpAnswer> {
  const { statusCode: status = 0, statusMessage: reason = "" } = answer;
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const refuse = (error: Error) => {
      parts.length = 0;
      answer.destroy();
      reject(error);
    };
    answer.on("error", (cause) => refuse(new HttpFailure("cut-off", "the answer was cut off", { cause })));
    answer.on("data", (part: Buffer) => {
      size += part.length;
      if (size > most) return refuse(tooLong(most));
      parts.push(part);
    });
    answer.on("close", () => {
      if (!answer.complete) return reject(new HttpFailure("cut-off", "the answer was cut off"));
      resolve({ status, reason, headers: headersOf(answer), body: Buffer.concat(parts) });
    });
    const objection = objectionTo(answer, most);
    if (objection) refuse(objection);
  });
}

/** What is wrong with an answer before its body has begun. */
function objectionTo({ headers }: IncomingMessage, most: number): HttpFailure | undefined {
  if (Number(headers["content-length"] ?? 0) > most) return tooLong(most);
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding === "identity" || encoding === "") return undefined;
  return new HttpFailure("garbled", "the answer is compressed, which was not asked for");
}

function tooLong(most: number): HttpFailure {
  return new HttpFailure("garbled", `the answer is longer than ${Math.round(most / 1024)} KiB`);
}
