/**
 * The one way in which holdfast asks an API over HTTP: one request, one answer, both bounded. What the other side sends is not
 * trusted with anything: neither its length nor its pace, neither its headers nor its encoding can do more than make the
 * call fail. Redirects are told, never followed: what is sent along is meant for the place that was asked.
 */
import { type Agent, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { trustedCertificates } from "./certificates.ts";
import { HttpFailure } from "./failure.ts";

/** Bounds of one call. */
export interface Limits {
  /** Milliseconds from the connection to the last byte of the answer. */
  ms: number;
  /** Bytes of the answer's body. Default: 32 MiB, which is more than a page of any of these APIs has. */
  bytes?: number;
}

const usualBytes = 32 * 1024 * 1024;

/** Bytes of all headers of an answer together, its status line among them. */
const headerBytes = 32 * 1024;

/** One call. */
export interface HttpCall {
  /** The whole URL, `http:` or `https:`. */
  url: string;
  method: string;
  headers: Readonly<Record<string, string>>;
  /** Sent as it is, in UTF-8. */
  body?: string | undefined;
  limits: Limits;
  /** Aborted when the user cancels: the call ends then, with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Connects in another way than directly, for example through a jump host. */
  agent?: Agent | undefined;
  /** Whether a certificate that nobody vouches for is taken. Default: no. */
  insecure?: boolean | undefined;
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
 * Connections are reused within a second. Servers end an idle one after two or more, without a word; a change that is sent on
 * it just then has no answer, and nobody can tell whether it was made.
 */
const reused = { keepAlive: true, timeout: 1_000 };
const agents = { "http:": new HttpAgent(reused), "https:": new HttpsAgent(reused) };

/**
 * Asks once.
 * @throws HttpFailure when no whole answer came within the bounds, and the signal's reason when it was aborted. Any status is
 * an answer.
 */
export async function exchange(call: HttpCall): Promise<HttpAnswer> {
  call.signal?.throwIfAborted();
  const bound = new AbortController();
  const late = new HttpFailure("late", `no answer within ${call.limits.ms / 1000} s`);
  const timer = setTimeout(() => bound.abort(late), call.limits.ms);
  const signal = call.signal ? AbortSignal.any([call.signal, bound.signal]) : bound.signal;
  try {
    return await ask(call, signal);
  } catch (error) {
    call.signal?.throwIfAborted();
    throw bound.signal.aborted ? late : HttpFailure.from(error as Error);
  } finally {
    clearTimeout(timer);
  }
}

/** What the client itself stumbles over, such as a header with a line end, is a rejection too. */
function ask(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
  const { method, body, insecure = false } = call;
  return new Promise((resolve, reject) => {
    const url = targetOf(call.url);
    const length = body === undefined ? {} : { "content-length": `${Buffer.byteLength(body)}` };
    const settings = {
      method,
      signal,
      agent: call.agent ?? agents[url.protocol as keyof typeof agents],
      maxHeaderSize: headerBytes,
      // An answer that is packed would have to be unpacked, and a small one can become a large one.
      headers: { ...call.headers, "accept-encoding": "identity", ...length },
    };
    const sent =
      url.protocol === "https:"
        ? httpsRequest(url, { ...settings, rejectUnauthorized: !insecure, ...trustedCertificates() })
        : httpRequest(url, settings);
    let answered = false;
    sent.once("response", (answer) => {
      answered = true;
      receive(answer, call.limits.bytes ?? usualBytes).then(resolve, reject);
    });
    // For as long as the connection lives: an error that nobody listens to ends the process.
    sent.on("error", reject);
    sent.once("close", () => {
      if (!answered) reject(new HttpFailure("cut-off", "the connection was closed without an answer"));
    });
    sent.end(body);
  });
}

function targetOf(text: string): URL {
  if (!URL.canParse(text)) throw new HttpFailure("unsent", "its URL is none");
  const url = new URL(text);
  if (url.protocol in agents) return url;
  throw new HttpFailure("unsent", `${url.protocol}// is not spoken here, only http:// and https://`);
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

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    try {
      headers.append(rawHeaders[at] as string, rawHeaders[at + 1] as string);
    } catch {
      // What no header may hold is as good as absent.
    }
  }
  return headers;
}
