/**
 * The calls of the engine that are being answered, so that what breaks outside all of them (in an event of a socket, in a promise
 * that nobody waits for) ends the call it belongs to, with words, and not the process with all the others.
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** How long the other calls may go on once it is unknown which one broke, in milliseconds. */
const graceMs = 30_000;

interface Call {
  /** For people: `create of vm`. */
  readonly name: string;
  /** Rejects when the call broke. */
  readonly broken: Promise<never>;
  fail(error: Error): void;
}

/** What the process does about an error that nobody caught. */
export interface Emergency {
  /** Takes secrets out of a text. */
  hide(text: string): string;
  /** Shows a line to whoever runs the update. */
  say(text: string): void;
  /** Ends the process, once every call has its answer. */
  end(): void;
}

/** The calls of one process. */
export class Calls {
  private readonly current = new AsyncLocalStorage<Call>();
  private readonly open = new Set<Call>();
  private lost: Error | undefined;

  /**
   * Answers a call: with what the work gives, or with an error as soon as the work broke.
   * @throws Error when the process can no longer be relied on.
   */
  async answer<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    if (this.lost) throw this.lost;
    let fail: (error: Error) => void = () => {};
    const broken = new Promise<never>((_, reject) => {
      fail = reject;
    });
    // Most calls never break.
    broken.catch(() => {});
    const call: Call = { name, broken, fail };
    this.open.add(call);
    try {
      return await this.current.run(call, () => Promise.race([work(), broken]));
    } finally {
      this.open.delete(call);
    }
  }

  /** A part of the running call's work that has to know when the call broke, for example to write down how it ended. */
  guard<T>(work: Promise<T>): Promise<T> {
    const call = this.current.getStore();
    return call ? Promise.race([work, call.broken]) : work;
  }

  /**
   * To be told of every error that nobody caught. Where it is known whose it was, that call fails and the others go on. Else no
   * new call is taken, those that run have a while to end well, and the process ends after their answers.
   * @param withinMs how long that while is.
   */
  broke(error: unknown, emergency: Emergency, withinMs = graceMs): void {
    const reason = emergency.hide(error instanceof Error ? error.message : String(error));
    const call = this.current.getStore();
    if (call && this.open.has(call)) {
      call.fail(failure(call.name, reason));
      return;
    }
    emergency.say(`something in the plugin holdfast broke: ${reason}; please report it`);
    // What is left of a call that has its answer harms nobody.
    if (call || this.lost) return;
    this.lost = new Error(`the plugin holdfast is ending, something in it broke: ${reason}; run the command again`);
    const end = performance.now() + withinMs;
    const timer = setInterval(() => {
      if (this.open.size > 0 && performance.now() < end) return;
      clearInterval(timer);
      for (const { name, fail } of this.open) fail(failure(name, reason));
      // Behind the answers, which are written in turns of their own.
      setTimeout(() => emergency.end(), 200);
    }, 50);
  }
}

function failure(name: string, reason: string): Error {
  return new Error(
    `${name} broke off inside the plugin holdfast: ${reason}. What it had changed by then is not known, and the state is as ` +
      "before: run the command again, which looks what is there and goes on. Please report it if that does not help",
  );
}
