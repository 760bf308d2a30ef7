/**
 * How records in NetBox are made and changed here: never blindly. What got no answer is read again before anything is done
 * once more, and a change is made of what was read and of nothing newer.
 */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { NetboxError } from "../../lib/netbox/errors.ts";

/** Tries of one change, its reading again included. */
const tries = 4;

/** The least that a record has. */
interface Row {
  id: number;
  last_updated: string;
}

/** Makes, changes and removes records, and knows whether it has changed anything. */
export class Changes {
  /** How many calls so far have changed something. */
  count = 0;
  private readonly fresh = new WeakSet<object>();

  constructor(readonly api: NetboxApi) {}

  /**
   * The record that `find` finds, else a new one. Where somebody else was faster, or the answer was lost, what is there by
   * then is taken.
   * @param unique whether NetBox itself refuses a second one; else what got no answer is not asked for again.
   * @throws NetboxError
   */
  async made<T extends Row>(
    path: string,
    shape: z.ZodType<T>,
    find: () => Promise<T | undefined>,
    body: object,
    unique = true,
  ): Promise<T> {
    return (await find()) ?? this.posted(path, shape, find, body, unique);
  }

  /** The same where `find` has just found nothing. @throws NetboxError */
  async posted<T extends Row>(
    path: string,
    shape: z.ZodType<T>,
    find: () => Promise<T | undefined>,
    body: object,
    unique = true,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const row = await this.api.send("POST", path, shape, body);
        this.count++;
        this.fresh.add(row);
        return row;
      } catch (error) {
        if (!(error instanceof NetboxError && (error.ambiguous || error.duplicate))) throw error;
        const there = await find();
        if (there) {
          if (!error.duplicate) this.count++;
          return there;
        }
        // A refusal is NetBox's last word. What was lost may still be on its way: only what NetBox refuses twice is sent twice.
        if (attempt >= tries || !error.ambiguous || !unique) throw error;
        await this.wait(attempt);
      }
    }
  }

  /** Whether this row is NetBox's own answer to a POST from here: nothing hangs on the record yet. */
  isFresh(row: Row): boolean {
    return this.fresh.has(row);
  }

  /**
   * Changes one record to what `wanted` says of it, as often as somebody else changes it in between.
   * @param wanted what is to be changed of the record as it is now, undefined for nothing. Throws where it must not be changed.
   * @param known the record as this operation has read it already; NetBox says where it is another one by now, and it is read
   * again.
   * @returns the record as it is then; undefined when there is none.
   * @throws NetboxError, or what `wanted` throws
   */
  async changed<T extends Row>(
    path: string,
    shape: z.ZodType<T>,
    wanted: (row: T) => object | undefined,
    known?: T,
  ): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      const seen = attempt === 1 && known ? known : await this.api.find(path, shape);
      if (!seen) return undefined;
      const body = wanted(seen);
      if (!body) return seen;
      try {
        const row = await this.api.send("PATCH", path, shape, body, seen.last_updated);
        this.count++;
        return row;
      } catch (error) {
        await this.judge(error, attempt);
      }
    }
  }

  /**
   * Removes one record. One that is gone already is fine.
   * @param check throws where it must not be removed.
   */
  async removed<T extends Row>(path: string, shape: z.ZodType<T>, check: (row: T) => void): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const seen = await this.api.find(path, shape);
      if (!seen) return;
      check(seen);
      try {
        await this.api.send("DELETE", path, z.unknown(), undefined, seen.last_updated);
        this.count++;
        return;
      } catch (error) {
        await this.judge(error, attempt);
      }
    }
  }

  /** Waits where the record is to be read again: changed by somebody else (412), or no answer. @throws the error otherwise */
  private async judge(error: unknown, attempt: number): Promise<void> {
    const again = error instanceof NetboxError && (error.status === 412 || error.retryable);
    if (!again || attempt >= tries) throw error;
    await this.wait(attempt);
  }

  private async wait(attempt: number): Promise<void> {
    const ms = 250 * 2 ** (attempt - 1) * (0.5 + Math.random());
    await pause(ms, undefined, { signal: this.api.signal }).catch(() => this.api.signal.throwIfAborted());
  }
}
