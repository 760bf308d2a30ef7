/**
 * A small client of NetBox's REST API: every call bounded, only reading repeated, every row that a filter gives checked (NetBox
 * ignores filters that it does not know), the token in a header and nowhere else.
 */
import type { Agent } from "node:http";
import { z } from "zod";
import { callApi, otherShape } from "../http/api.ts";
import { everyRow } from "../http/pages.ts";
import type { RetryPolicy } from "../retry.ts";
import { badContent, NetboxError, wordsFor } from "./errors.ts";

const usual: RetryPolicy = { attempts: 5, attemptMs: 30_000, pauseMs: 500 };

/** A NetBox as its callers address it. */
export interface NetboxAccess {
  /** Base URL, without `/api`. */
  url: string;
  /** API token, v1 (40 characters) or v2 (`nbt_….…`); secret. */
  token: string;
  /** Aborted when the user cancels; every call ends then, with the signal's reason. */
  signal: AbortSignal;
  /** Default: 5 attempts of 30 s. */
  retry?: RetryPolicy | undefined;
  /** Connects in another way than directly, for example through a jump host; its sockets are reused. */
  agent?: Agent | undefined;
}

/** Query of a call; a list is one name several times. */
export type Query = Record<string, string | number | boolean | readonly (string | number)[]>;

/** What differs from call to call. */
interface Asked {
  query?: Query;
  body?: unknown;
  lastUpdated?: string | undefined;
}

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
  get<T>(path: string, shape: z.ZodType<T>, query: Query = {}): Promise<T> {
    return this.ask("GET", path, shape, { query });
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
    return this.ask(method, path, shape, { body, lastUpdated });
  }

  private row<T>(path: string, shape: z.ZodType<T>, query: Query, matches: (row: T) => boolean, result: unknown): T {
    const call = { url: this.url, method: "GET", path: `/api${path}` };
    const parsed = shape.safeParse(result);
    if (!parsed.success) throw badContent(call, 200, `a row of ${otherShape(parsed.error.issues[0]?.path.join("."))}`);
    if (matches(parsed.data)) return parsed.data;
    const filter = Object.keys(query).join(", ");
    throw new NetboxError(
      `NetBox at ${this.url} gave rows of ${path} that were not asked for: it knows no filter ${filter}, or the custom field behind it is gone; make it anew with: holdfast netbox bootstrap`,
      200,
      "rows that were not asked for",
    );
  }

  private async ask<T>(
    method: string,
    path: string,
    shape: z.ZodType<T>,
    { query = {}, body, lastUpdated }: Asked,
  ): Promise<T> {
    const { url, token, signal, agent, retry = usual } = this.access;
    const answer = await callApi({
      url: `${url}/api${path}${queryText(query)}`,
      method,
      headers: {
        authorization: authorization(token),
        accept: "application/json",
        ...(lastUpdated === undefined ? {} : { "if-match": `W/"${lastUpdated.replace(/Z$/, "+00:00")}"` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      ...{ shape, signal, agent, retry, repeatable: method === "GET" },
      // Of a v2 token, what stands behind its name.
      secrets: [token, token.slice(token.lastIndexOf(".") + 1)],
      words: wordsFor({ url, method, path: `/api${path}` }),
    });
    return answer.body;
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
