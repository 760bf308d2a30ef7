/**
 * What the dialects of the forges have in common: how each registers, lists and deletes runners, and by what it tells our
 * half-made rows from other people's.
 */
import { z } from "zod";
import { api, type ForgeAccess } from "./api.ts";
import { ForgeError } from "./errors.ts";

/** A runner as a forge lists it. */
export interface ListedRunner {
  /** The forge's own number, by which the API addresses the runner. */
  id: number;
  name: string;
  /** Absent where the dialect does not list it. */
  uuid?: string | undefined;
  /** As the forge calls it, for example `offline`. */
  status: string;
  /** The owner mark that the row carries; undefined for a row without one. */
  owner: string | undefined;
  /** No daemon has declared itself with this registration yet. */
  pending: boolean;
  /** Gone after one job. */
  ephemeral: boolean;
}

/** What a registration leaves the runner with. */
export interface RunnerCredentials {
  uuid: string;
  /** The runner's own token; secret. */
  token: string;
  runnerId: number;
}

/** Registrations over the API. `place` is the API path of a scope's runners (scope.ts). */
export interface RunnersApi {
  /**
   * Makes one row, marked with the owner until, or for as long as, the dialect can carry the mark. A POST: what became of
   * it is unknown after an error whose `outcomeUnknown` is set, and only the list tells.
   */
  register(forge: ForgeAccess, place: string, runner: { name: string; owner: string }): Promise<RunnerCredentials>;
  /** All runners of the place. */
  list(forge: ForgeAccess, place: string): Promise<ListedRunner[]>;
  /**
   * The runner of a number; undefined only where the forge itself says that it has none. The forge may show one of a wider
   * scope.
   */
  get(forge: ForgeAccess, place: string, id: number): Promise<ListedRunner | undefined>;
  /** Removes a row by its number. One that the forge itself says is not there is as good as removed. */
  delete(forge: ForgeAccess, place: string, id: number): Promise<void>;
}

/** How a kind of forge is spoken to. */
export interface Dialect {
  /** For people, for example `Forgejo 15 or later`. */
  readonly name: string;
  /** Absent where the forge can neither list nor delete runners: there, registration goes over SSH on the forge host. */
  readonly runners?: RunnersApi;
}

/** Both calls by number, which all dialects that have them spell alike. */
export function rowCalls<T>(
  shape: z.ZodType<T>,
  listed: (row: T) => ListedRunner,
  absent: RegExp,
): Pick<RunnersApi, "get" | "delete"> {
  /** A 404 of a proxy, of another route, of a scope or of a lacking right says nothing of the row. */
  const unlessAbsent = (error: unknown) => {
    if (error instanceof ForgeError && error.status === 404 && absent.test(error.words.api ?? "")) return undefined;
    throw error;
  };
  return {
    get: (forge, place, id) =>
      api(forge, "GET", `${place}/${id}`, shape).then(({ body }) => listed(body), unlessAbsent),
    delete: (forge, place, id) =>
      api(forge, "DELETE", `${place}/${id}`, z.unknown()).then(() => undefined, unlessAbsent),
  };
}

/** Rows a page, of which forges give at most so many. */
const pageSize = 50;
const mostPages = 200;
const mostPasses = 5;

/** One answer of a list: its rows, and how many there are on all pages (undefined: the forge does not say). */
interface Listed<T> {
  rows: T[];
  total?: number;
}

/**
 * Every row of a list. Forges order it by when a runner was last heard of, so that rows move between pages while they are
 * read: one row comes twice, another not at all. All in one answer is asked for first; pages are read again until as many
 * different rows were seen as there are.
 * @param ask gives the answer to a query; an empty one asks for all rows at once.
 */
export async function allRows<T extends { id: number }>(ask: (query: string) => Promise<Listed<T>>): Promise<T[]> {
  const seen = new Map<number, T>();
  let total: number | undefined;
  const look = async (query: string) => {
    const { rows, total: now } = await ask(query);
    const before = seen.size;
    for (const row of rows) seen.set(row.id, row);
    total = now ?? total;
    return { some: rows.length > 0, added: seen.size - before };
  };
  const complete = () => total !== undefined && seen.size >= total;
  await look("");
  for (let pass = 1; !complete() && pass <= mostPasses; pass++) {
    const added = await readPages(look, complete);
    // Without a number to reach: nothing that was not known.
    if (total === undefined && added === 0) return [...seen.values()];
  }
  if (complete()) return [...seen.values()];
  const found = `the forge's list of runners changes faster than it can be read: ${seen.size} of ${total ?? "an unknown number"} seen`;
  throw new ForgeError("refused", found, "try again, or narrow forge.scope");
}

/** Reads page after page until the list is complete or at its end. Returns how many new rows there were. */
async function readPages(
  look: (query: string) => Promise<{ some: boolean; added: number }>,
  complete: () => boolean,
): Promise<number> {
  let sum = 0;
  for (let number = 1; number <= mostPages; number++) {
    const { some, added } = await look(`page=${number}&limit=${pageSize}`);
    sum += added;
    // A forge may give fewer a page than asked for: only an empty page is the end.
    if (!some || complete()) return sum;
  }
  throw new ForgeError("refused", `the forge lists more than ${mostPages} pages of runners`, "narrow forge.scope");
}
