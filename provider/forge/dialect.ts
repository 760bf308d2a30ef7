/**
 * What the dialects of the forges have in common: how each registers, lists and deletes runners, and by what it tells our
 * half-made rows from other people's.
 */
import { z } from "zod";
import { ForgeError } from "./errors.ts";
import { api, type ForgeAccess } from "./http.ts";

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
  /** All runners of the place, every page. */
  list(forge: ForgeAccess, place: string): Promise<ListedRunner[]>;
  /** Removes a row by its number. One that is already gone is as good as removed. */
  delete(forge: ForgeAccess, place: string, id: number): Promise<void>;
}

/** How a kind of forge is spoken to. */
export interface Dialect {
  /** For people, for example `Forgejo 15 or later`. */
  readonly name: string;
  /** Absent where the forge can neither list nor delete runners: there, registration goes over SSH on the forge host. */
  readonly runners?: RunnersApi;
}

/** Removal by number, which all dialects that have it spell alike. */
export async function deleteRow(forge: ForgeAccess, place: string, id: number): Promise<void> {
  await api(forge, "DELETE", `${place}/${id}`, z.unknown()).catch((error: unknown) => {
    if (error instanceof ForgeError && error.status === 404) return;
    throw error;
  });
}

/** Rows a page, which is as many as the forges give by default. */
const pageSize = 50;
const mostPages = 200;

/**
 * Every page of a list.
 * @param page gives the rows of one page, and how many there are on all of them (undefined: the forge does not say).
 */
export async function allPages<T>(page: (query: string) => Promise<{ rows: T[]; total?: number }>): Promise<T[]> {
  const all: T[] = [];
  for (let number = 1; number <= mostPages; number++) {
    const { rows, total } = await page(`page=${number}&limit=${pageSize}`);
    all.push(...rows);
    // A forge may give fewer a page than asked for: only an empty page, or the total, is the end.
    if (rows.length === 0 || (total !== undefined && all.length >= total)) return all;
  }
  throw new ForgeError("refused", `the forge lists more than ${mostPages} pages of runners`, "narrow forge.scope");
}
