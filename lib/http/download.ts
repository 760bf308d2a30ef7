/**
 * Files from anywhere: asked for without any credential, so that redirects may be followed, and streamed, so that their size does
 * not matter to memory. Bytes are taken as they come; whether they are the right ones, the caller knows.
 */
import type { IncomingMessage } from "node:http";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Meter, TooLong } from "../meter.ts";
import { exchange } from "./exchange.ts";
import { HttpFailure } from "./failure.ts";
import { send } from "./request.ts";

const mostRedirects = 10;
const headers = { accept: "*/*", "user-agent": "holdfast" };

/** Bounds of a download. */
export interface DownloadLimits {
  /** Bytes of the file. */
  bytes: number;
  /** Milliseconds for the answer to a request, connection included. Default: no bound of its own. */
  answerMs?: number;
  /** Milliseconds for more of a body that has begun. Default: no bound of its own. */
  idleMs?: number;
  /** Milliseconds for everything. Default: no bound of its own. */
  totalMs?: number;
}

/** A server that answered, but not with the file. */
export class NoFile extends Error {
  constructor(readonly status: number) {
    super(`the server answered ${status}`);
    this.name = "NoFile";
  }
}

/** The transfer stopped before its end, for a reason that its message says. */
export class Interrupted extends Error {
  constructor(
    message: string,
    /** Whether nothing came any more. */
    readonly stalled = false,
  ) {
    super(message);
    this.name = "Interrupted";
  }
}

/**
 * Streams a file into `sink`, which is destroyed where that fails.
 * @param algorithm of the digest, for example `sha256`.
 * @returns the digest of what came, in hexadecimal digits.
 * @throws HttpFailure when no answer came, NoFile when it was another one than the file, Interrupted when it did not come whole.
 */
export async function download(
  url: string,
  sink: Writable,
  algorithm: string,
  { bytes, answerMs, idleMs, totalMs }: DownloadLimits,
): Promise<string> {
  const total = bound(totalMs);
  const idle = bound(idleMs, { rests: true });
  const signal = AbortSignal.any([total.signal, idle.signal]);
  try {
    return await following<string>(url, (place) => {
      const answer = bound(answerMs);
      const request = { url: place, method: "GET", headers };
      const sent = send<string | { location: string }>(request, AbortSignal.any([signal, answer.signal]), (message) => {
        answer.end();
        const location = redirectOf(message.statusCode ?? 0, message.headers.location);
        if (location === undefined) return receive(message, sink, { algorithm, bytes, idle, signal });
        message.destroy();
        return Promise.resolve({ location });
      });
      const late = (error: Error) => {
        throw answer.failure() ?? error;
      };
      return sent.catch(late).finally(answer.end);
    });
  } catch (error) {
    sink.destroy();
    if (idle.failure()) throw new Interrupted(`nothing more came within ${(idleMs ?? 0) / 1000} s`, true);
    if (total.failure()) throw new Interrupted(`it did not come within ${(totalMs ?? 0) / 1000} s`);
    throw error instanceof NoFile || error instanceof Interrupted ? error : HttpFailure.from(error as Error);
  } finally {
    total.end();
    idle.end();
  }
}

/**
 * Whether a server has a file: the status of its answer to HEAD, redirects followed.
 * @param ms bound on each answer.
 * @throws HttpFailure when no answer came.
 */
export async function statusOf(url: string, ms: number, signal: AbortSignal): Promise<number> {
  return following(url, async (place) => {
    const { status, headers: told } = await exchange({ url: place, method: "HEAD", headers, limits: { ms }, signal });
    const location = redirectOf(status, told.get("location") ?? undefined);
    return location === undefined ? status : { location };
  });
}

/** Asks there, and wherever an answer leads, until one leads nowhere. */
async function following<T extends string | number>(
  url: string,
  ask: (url: string) => Promise<T | { location: string }>,
): Promise<T> {
  let place = url;
  for (let hops = 0; hops <= mostRedirects; hops++) {
    if (hasUser(place)) throw new HttpFailure("unsent", "its URL has a user or a password in it");
    const answer = await ask(place);
    if (typeof answer !== "object") return answer;
    place = nextPlace(place, answer.location);
  }
  throw new HttpFailure("garbled", `it redirects more than ${mostRedirects} times`);
}

function hasUser(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username !== "" || password !== "";
}

/** What was asked for over TLS is not taken from where anybody on the way can change it. */
function nextPlace(from: string, location: string): string {
  if (!URL.canParse(location, from)) throw new HttpFailure("garbled", "it redirects to what is no URL");
  const next = new URL(location, from);
  if (from.startsWith("https:") && next.protocol !== "https:") {
    throw new HttpFailure(
      "garbled",
      `it redirects from https:// to ${next.protocol}//${next.host}, which is not followed`,
    );
  }
  return next.href;
}

function redirectOf(status: number, location: string | undefined): string | undefined {
  return [301, 302, 303, 307, 308].includes(status) ? location : undefined;
}

interface Receiving {
  algorithm: string;
  bytes: number;
  idle: Bound;
  signal: AbortSignal;
}

async function receive(
  answer: IncomingMessage,
  sink: Writable,
  { algorithm, bytes, idle, signal }: Receiving,
): Promise<string> {
  const { statusCode: status = 0 } = answer;
  if (status < 200 || status >= 300) {
    answer.on("error", () => {}).destroy();
    throw new NoFile(status);
  }
  const meter = new Meter(algorithm, bytes, idle.restart);
  idle.restart();
  await pipeline(answer, meter, sink, { signal }).catch((error: Error) => {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Interrupted(error instanceof TooLong ? message : (code ?? message));
  });
  return meter.digest();
}

/** A time that runs out. */
interface Bound {
  signal: AbortSignal;
  /** What it was that took too long; undefined while there is time. */
  failure(): HttpFailure | undefined;
  restart(): void;
  end(): void;
}

/** @param rests whether it begins only when it is restarted. */
function bound(ms: number | undefined, { rests = false } = {}): Bound {
  const late = new AbortController();
  const start = () => (ms === undefined ? undefined : setTimeout(() => late.abort(), ms));
  let timer = rests ? undefined : start();
  return {
    signal: late.signal,
    failure: () =>
      late.signal.aborted ? new HttpFailure("late", `no answer within ${(ms ?? 0) / 1000} s`) : undefined,
    restart() {
      clearTimeout(timer);
      timer = start();
    },
    end: () => clearTimeout(timer),
  };
}
