/**
 * A small client of NetBox's REST API: every call bounded, only reading repeated, every row that a filter gives checked (NetBox
 * ignores filters that it does not know), the token in a header and nowhere else.
 */
import type { Agent } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { exchange, type HttpAnswer } from "../../lib/http/exchange.ts";
import { HttpFailure } from "../../lib/http/failure.ts";
import { parseJson } from "../../lib/http/json.ts";
import { everyRow } from "../../lib/http/pages.ts";
import { badContent, type Call, NetboxError, noAnswer, refused } from "./errors.ts";

/** How long things may take. */
export interface Bounds {
  /** Milliseconds of one try of one call. */
  tryMs: number;
  /** Tries of a call that only reads. */
  tries: number;
  /** Milliseconds before the second try; twice as many before each further one, none of them exact. */
  pauseMs: number;
}

const usual: Bounds = { tryMs: 30_000, tries: 5, pauseMs: 500 };

/** A NetBox as its callers address it. */
export interface NetboxAccess {
  /** Base URL, without `/api`. */
  url: string;
  /** API token, v1 (40 characters) or v2 (`nbt_….…`); secret. */
  token: string;
  /** Aborted when the user cancels; every call ends then, with the signal's reason. */
  signal: AbortSignal;
  /** Default: 30 s a try, 5 tries. */
  bounds?: Bounds | undefined;
  /** Connects in another way than directly, for example through a jump host; its sockets are reused. */
  agent?: Agent | undefined;
}

/** Query of a call; a list is one name several times. */
export type Query = Record<string, string | number | boolean | readonly (string | number)[]>;

/** What NetBox answers to a list. */
const page = z.object({ count: z.number().nullable(), next: z.string().nullable(), results: z.array(z.unknown()) });

/** Rows of one page; NetBox gives no more than 1000. */
const pageSize = 500;

/** The API of one NetBox. */
export class NetboxApi {
  constructor(private readonly access: NetboxAccess) {}

  get url(): string {
    return this.access.url;
  }

  get signal(): AbortSignal {
    return this.access.signal;
  }

  /**
   * One object, or whatever else a path gives. Repeated while that may help.
   * @param path below `/api`, with its trailing slash.
   * @throws NetboxError
   */
  async get<T>(path: string, shape: z.ZodType<T>, query: Query = {}): Promise<T> {
    const { tries, pauseMs } = this.access.bounds ?? usual;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.exchange("GET", path, shape, query);
      } catch (error) {
        if (attempt >= tries || !(error instanceof NetboxError && error.retryable)) throw error;
        // Spread out, so that stacks which lost NetBox together do not come back together.
        const ms = Math.min(10_000, pauseMs * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
        await pause(ms, undefined, { signal: this.signal }).catch(() => this.signal.throwIfAborted());
      }
    }
  }

  /** The same, or undefined when there is no such object. @throws NetboxError */
  async find<T>(path: string, shape: z.ZodType<T>): Promise<T | undefined> {
    try {
      return await this.get(path, shape);
    } catch (error) {
      if (error instanceof NetboxError && error.missing) return undefined;
      throw error;
    }
  }

  /**
   * All rows of a list.
   * @param matches what the query asks for, again: NetBox gives the whole table for a filter that it does not know.
   * @throws NetboxError
   */
  list<T>(path: string, shape: z.ZodType<T>, query: Query, matches: (row: T) => boolean): Promise<T[]> {
    const endless = (rows: number) => {
      const text = `NetBox at ${this.url} lists ${path} without an end: ${rows} rows, and more; is netbox.url the address of NetBox itself?`;
      return new NetboxError(text, 200, "an endless list");
    };
    return everyRow(async (offset) => {
      const { results, next } = await this.get(path, page, { ...query, limit: pageSize, offset });
      return { rows: results.map((result) => this.row(path, shape, query, matches, result)), more: next !== null };
    }, endless);
  }

  /**
   * A call that changes something. Never repeated: what got no answer may have been done, and `ambiguous` says so.
   * @param lastUpdated of the record as it was read: NetBox refuses with 412 when somebody has changed it since.
   * @throws NetboxError
   */
  send<T>(
    method: "POST" | "PATCH" | "DELETE",
    path: string,
    shape: z.ZodType<T>,
    body?: unknown,
    lastUpdated?: string,
  ): Promise<T> {
    return this.exchange(method, path, shape, {}, body, lastUpdated);
  }

  private row<T>(path: string, shape: z.ZodType<T>, query: Query, matches: (row: T) => boolean, result: unknown): T {
    const call = { url: this.url, method: "GET", path: `/api${path}` };
    const parsed = shape.safeParse(result);
    if (!parsed.success) throw badContent(call, 200, `a row without ${parsed.error.issues[0]?.path.join(".")}`);
    if (matches(parsed.data)) return parsed.data;
    const filter = Object.keys(query).join(", ");
    throw new NetboxError(
      `NetBox at ${this.url} gave rows of ${path} that were not asked for: it knows no filter ${filter}, or the custom field behind it is gone; make it anew with: holdfast netbox bootstrap`,
      200,
      "rows that were not asked for",
    );
  }

  private async exchange<T>(
    method: string,
    path: string,
    shape: z.ZodType<T>,
    query: Query,
    body?: unknown,
    lastUpdated?: string,
  ) {
    const call: Call = { url: this.url, method, path: `/api${path}` };
    const answer = await this.ask(call, query, body, lastUpdated);
    const { status } = answer;
    if (status < 200 || status >= 300) throw refusal(call, answer, this.access.token);
    const read = parseJson(answer.body);
    if ("problem" in read) throw badContent(call, status, read.problem);
    const parsed = shape.safeParse(read.value);
    if (parsed.success) return parsed.data;
    throw badContent(call, status, `an answer without ${parsed.error.issues[0]?.path.join(".")}`);
  }

  private async ask(call: Call, query: Query, body: unknown, lastUpdated?: string): Promise<HttpAnswer> {
    const { url, token, signal, agent, bounds = usual } = this.access;
    try {
      return await exchange({
        url: `${url}${call.path}${queryText(query)}`,
        method: call.method,
        headers: {
          authorization: authorization(token),
          accept: "application/json",
          ...(lastUpdated === undefined ? {} : { "if-match": `W/"${lastUpdated.replace(/Z$/, "+00:00")}"` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        limits: { ms: bounds.tryMs },
        signal,
        agent,
      });
    } catch (error) {
      throw error instanceof HttpFailure ? noAnswer(call, error) : error;
    }
  }
}

/** A v2 token says by its prefix that it is one. */
function authorization(token: string): string {
  return token.startsWith("nbt_") ? `Bearer ${token}` : `Token ${token}`;
}

function queryText(query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, `${one}`]),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

/** NetBox's own words, of whatever shape; an HTML page has none for us. */
function refusal(call: Call, { status, reason, body }: HttpAnswer, token: string): NetboxError {
  const read = parseJson(Buffer.from(withheld(body.toString("utf8"), token)));
  if ("problem" in read || read.value === undefined) {
    return badContent(call, status, `${reason || "an answer"} in HTML or nothing, no JSON`);
  }
  return refused(call, status, explain(read.value));
}

/** `{"name":["is required."],"__all__":["…"]}` and its like, flat: `name: is required.; …`. */
function explain(body: unknown): string {
  if (typeof body === "string") return body;
  if (Array.isArray(body)) return body.map(explain).filter(Boolean).join("; ");
  if (typeof body !== "object" || body === null) return String(body);
  return Object.entries(body)
    .map(([field, what]) => (["detail", "__all__", "error"].includes(field) ? "" : `${field}: `) + explain(what))
    .filter((text) => !text.endsWith(": "))
    .join("; ")
    .slice(0, 600);
}

/** A proxy in between may repeat what it was sent. */
function withheld(text: string, token: string): string {
  const secret = token.slice(token.lastIndexOf(".") + 1);
  return secret.length < 8 ? text : text.replaceAll(secret, "[secret]");
}
