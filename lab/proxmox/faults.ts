/**
 * What can be made to go wrong in the simulated Proxmox VE. Every fault is armed for a number of times, and is used up.
 */

/** Which requests a fault is for. */
export interface RequestMatch {
  /** For example `POST`; default: any. */
  method?: string;
  /** Path below `/api2/json`, decoded; `*` stands for one segment: `/nodes/pve1/storage/*`. A RegExp works too. */
  path: string | RegExp;
  /** How many requests it takes; default 1. */
  times?: number;
}

/** A refusal to give. */
export interface Refusal extends RequestMatch {
  /** Default 500. */
  status?: number;
  /** Default: what Proxmox VE says with this status. */
  message?: string;
  errors?: Record<string, string>;
}

/** A connection that breaks. */
export interface Drop extends RequestMatch {
  /** `before`: nothing has happened (default). `after`: it was done, and only the answer is lost. */
  when?: "before" | "after";
}

/** Which tasks a fault is for. */
export interface TaskMatch {
  /** For example `qmclone`, `qmstart` or `download`. */
  type: string;
  /** What the task is filed under: the VM's id, for a clone its source's. Default: any. */
  id?: string | number;
  /** How many tasks it takes; default 1. */
  times?: number;
}

/** What happens to a request instead of its answer. */
export type RequestFault =
  | { kind: "refuse"; status: number; message: string; errors?: Record<string, string> }
  | { kind: "drop"; when: "before" | "after" }
  | { kind: "hold" };

/** What happens to a task. */
export interface TaskFault {
  /** How long it runs, in milliseconds. */
  delayMs?: number;
  /** How it ends, instead of doing its work. */
  error?: string;
}

const messages: Record<number, string> = {
  401: "permission denied - invalid PVE ticket",
  403: "Permission check failed",
  500: "got no worker upid - start worker failed",
  595: "Connection refused",
  596: "Connection timed out",
  599: "Too many redirections",
};

interface Armed<Fault> {
  matches(subject: string): boolean;
  left: number;
  fault: Fault;
}

/** The faults that are armed. */
export class Faults {
  private requests: Armed<RequestFault>[] = [];
  private tasks: Armed<TaskFault>[] = [];
  private readonly silent = new Set<number | "all">();
  private readonly full = new Set<string>();

  /** Refuses the next matching requests; nothing happens in them. */
  refuse({ status = 500, message = messages[status] ?? "simulated fault", errors, ...match }: Refusal): void {
    this.arm(match, { kind: "refuse", status, message, ...(errors ? { errors } : {}) });
  }

  /** Breaks the connection of the next matching requests. */
  drop({ when = "before", ...match }: Drop): void {
    this.arm(match, { kind: "drop", when });
  }

  /** Never answers the next matching requests: nothing happens in them, and their connections stay until the client ends them. */
  hold(match: RequestMatch): void {
    this.arm(match, { kind: "hold" });
  }

  /** Lets the next matching tasks run longer. */
  slowTask({ delayMs, ...match }: TaskMatch & { delayMs: number }): void {
    this.armTask(match, { delayMs });
  }

  /** Lets the next matching tasks end in an error, without having done anything. */
  failTask({ error, ...match }: TaskMatch & { error: string }): void {
    this.armTask(match, { error });
  }

  /** The agent of one VM, or of all, never answers, until `clear`. */
  silenceAgent(vmid: number | "all" = "all"): void {
    this.silent.add(vmid);
  }

  /** No volume can be made on a storage, until `clear`. */
  fillStorage(storage: string): void {
    this.full.add(storage);
  }

  /** Takes every fault away. */
  clear(): void {
    this.requests = [];
    this.tasks = [];
    this.silent.clear();
    this.full.clear();
  }

  /** The fault for a request, used up once. */
  takeRequest(method: string, path: string): RequestFault | undefined {
    return take(this.requests, `${method} ${path}`);
  }

  /** The fault for a task, used up once. */
  takeTask(type: string, id: string): TaskFault {
    return take(this.tasks, `${type} ${id}`) ?? {};
  }

  isAgentSilent(vmid: number): boolean {
    return this.silent.has("all") || this.silent.has(vmid);
  }

  isFull(storage: string): boolean {
    return this.full.has(storage);
  }

  private armTask({ type, id, times = 1 }: TaskMatch, fault: TaskFault): void {
    const matches = (subject: string) =>
      id === undefined ? subject.startsWith(`${type} `) : subject === `${type} ${id}`;
    this.tasks.push({ matches, left: times, fault });
  }

  private arm({ method, path, times = 1 }: RequestMatch, fault: RequestFault): void {
    const pattern = typeof path === "string" ? new RegExp(`^${path.split("*").map(quote).join("[^/]+")}$`) : path;
    const matches = (subject: string) => {
      const at = subject.indexOf(" ");
      return (method === undefined || subject.slice(0, at) === method) && pattern.test(subject.slice(at + 1));
    };
    this.requests.push({ matches, left: times, fault });
  }
}

function take<Fault>(armed: Armed<Fault>[], subject: string): Fault | undefined {
  const hit = armed.find((one) => one.left > 0 && one.matches(subject));
  if (!hit) return undefined;
  hit.left--;
  return hit.fault;
}

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
