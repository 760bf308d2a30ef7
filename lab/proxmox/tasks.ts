/**
 * Tasks: what Proxmox VE does after it has answered. Each has a UPID, a log and an exit status, and runs for a moment even
 * when there is nothing to wait for, so that clients which do not wait are found out.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Faults } from "./faults.ts";

/** A task. */
export interface Task {
  /** `UPID:node:pid:pstart:starttime:type:id:user:`. */
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  readonly pstart: number;
  /** Seconds since 1970. */
  readonly starttime: number;
  /** For example `qmclone`. */
  readonly type: string;
  /** For example the VM's id; may be empty. */
  readonly id: string;
  /** Who started it, for example `root@pam!ci`. */
  readonly user: string;
  status: "running" | "stopped";
  /** `OK`, `WARNINGS: 1` or an error; absent while it runs. */
  exitstatus?: string;
  readonly log: string[];
}

/** What to run. */
export interface NewTask {
  node: string;
  type: string;
  id?: string | number;
  user: string;
  /** Does the work, after the tick. Its error's message becomes the exit status. */
  work(log: (line: string) => void): void | Promise<void>;
  /** Runs when it ends in an error, whoever's: takes away what was begun. */
  undo?(): void | Promise<void>;
  /** Runs in any case, last of all: takes locks away. */
  settle?(): void;
}

/** The tasks of all nodes. */
export class Tasks {
  private readonly all = new Map<string, Task>();
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private nextPid = 4096;

  constructor(
    private readonly faults: Faults,
    /** How long a task runs, in milliseconds. */
    private readonly tickMs: number,
  ) {}

  /** Starts a task and returns its UPID. */
  start(what: NewTask): string {
    const { node, type, id = "", user } = what;
    const pid = this.nextPid++;
    const pstart = Math.floor(process.uptime() * 100);
    const starttime = Math.floor(Date.now() / 1000);
    const upid = ["UPID", node, hex(pid), hex(pstart), hex(starttime), type, id, user, ""].join(":");
    const task: Task = { upid, node, pid, pstart, starttime, type, id: String(id), user, status: "running", log: [] };
    this.all.set(upid, task);
    const run = this.run(task, what).finally(() => this.running.delete(run));
    this.running.add(run);
    return upid;
  }

  /** A task of a node, or nothing. */
  find(node: string, upid: string): Task | undefined {
    const task = this.all.get(upid);
    return task?.node === node ? task : undefined;
  }

  list(node: string): Task[] {
    return [...this.all.values()].filter((task) => task.node === node).reverse();
  }

  /** Ends every task that still runs, without its work, and waits for them. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  private async run(task: Task, { work, undo, settle }: NewTask): Promise<void> {
    const fault = this.faults.takeTask(task.type, task.id);
    try {
      await delay(fault.delayMs ?? this.tickMs, undefined, { signal: this.stopping.signal });
      if (fault.error !== undefined) throw new Error(fault.error);
      await work((line) => task.log.push(line));
      task.log.push("TASK OK");
      task.exitstatus = "OK";
    } catch (error) {
      const { message } = error as Error;
      await undo?.();
      task.log.push(`TASK ERROR: ${message}`);
      task.exitstatus = message;
    } finally {
      settle?.();
      task.status = "stopped";
    }
  }
}

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, "0");
}
