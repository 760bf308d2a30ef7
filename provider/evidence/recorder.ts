/**
 * Writes down what this process changes: one run, one directory, rewritten when a step begins and when it ends. A step
 * without an end is one during which the process was killed. Evidence that cannot be written never fails a step.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { redact } from "../../lib/redact.ts";
import { secretsOfEnvironment } from "../../lib/secret-environment.ts";
import { NotReady } from "../kind.ts";
import type { Properties, Value } from "../wire.ts";
import { runName, stackDirectory, writeEvidence } from "./directory.ts";
import { type Identities, identitiesOf } from "./identities.ts";
import { redactIn, textsIn } from "./redact.ts";

/** How a step ended. */
export type Outcome = "ok" | "failed" | "timed-out" | "cancelled";

/** One operation on one resource. Times are UTC, ISO 8601. */
export interface Step {
  urn: string;
  type: string;
  operation: "create" | "update" | "delete";
  began: string;
  ended?: string;
  outcome?: Outcome;
  /** Why it did not succeed; without secrets. */
  error?: string;
  identities: Identities;
}

/** One run, as it stands in run.json. */
export interface Run {
  run: string;
  project: string;
  stack: string;
  versions: Record<string, string>;
  steps: Step[];
}

/** Properties and the names of those that are secret. */
export interface Known {
  values: Properties;
  secrets: ReadonlySet<string>;
}

/** What is to be written down of a step. */
export interface Recorded<T> {
  urn: string;
  operation: Step["operation"];
  signal: AbortSignal;
  /** What is known before it begins, the newest last. */
  before: readonly Known[];
  /** Secrets that are in no property, for example the provider's token. */
  secrets: readonly string[];
  /** Properties of the resource in what the work gives back. */
  stateOf(result: T): object | undefined;
  /** Names of properties that are secret in every resource of this kind. */
  secretNames: readonly string[];
  /** Told once when evidence cannot be written. */
  warn(text: string): void;
}

/** Records the steps of one process. */
export class Recorder {
  /** Name of the run: sorts by time, and no two processes share one. */
  private readonly name = `${stamp()}-${process.pid}-${randomBytes(3).toString("hex")}`;
  private readonly runs = new Map<string, Run>();
  /** Rows by file, for each run. */
  private readonly tables = new Map<Run, Map<string, Value[]>>();
  private readonly versions: Record<string, string>;
  private warned = false;

  constructor(versions: Readonly<Record<string, string>>) {
    this.versions = { ...versions, node: process.versions.node };
  }

  /** Notes the version of something that was met on the way, for example of libvirt. */
  recordVersion(what: string, version: string): void {
    this.versions[what] = version.slice(0, 80);
  }

  /** Puts files beside the run's own. Gives the run's name and directory; undefined when they cannot be written. */
  attachEvidence(
    urn: string,
    files: Readonly<Record<string, string>>,
    warn: (text: string) => void,
  ): { run: string; directory: string } | undefined {
    try {
      const run = this.runOf(urn);
      const directory = join(stackDirectory(run.project, run.stack), run.run);
      writeEvidence(directory, files);
      return { run: run.run, directory };
    } catch (error) {
      warn(`evidence is missing of this run: ${(error as Error).message}`);
      return undefined;
    }
  }

  /**
   * Adds a row to a file of the run, a JSON array that is rewritten as a whole: rows of all resources, in the order in which
   * they ended.
   * @param secrets texts that must not stand in it, in whatever spelling; those of the environment are known.
   */
  appendEvidence(
    urn: string,
    file: string,
    row: Readonly<Record<string, Value>>,
    secrets: readonly string[],
    warn: (text: string) => void,
  ): void {
    const tables = this.tables.get(this.runOf(urn)) ?? new Map<string, Value[]>();
    this.tables.set(this.runOf(urn), tables);
    const rows = [...(tables.get(file) ?? []), redactIn({ ...row }, [...secrets, ...secretsOfEnvironment()])];
    tables.set(file, rows);
    this.attachEvidence(urn, { [file]: `${JSON.stringify(rows, null, 2)}\n` }, warn);
  }

  /** Does the work and writes down when it began, when it ended and how. Gives or throws what the work does. */
  async record<T>(about: Recorded<T>, work: () => Promise<T>): Promise<T> {
    const step = this.begin(about);
    try {
      const result = await work();
      this.end(about, step, "ok", about.stateOf(result), undefined);
      return result;
    } catch (error) {
      this.end(about, step, outcomeOf(error, about.signal), error instanceof NotReady ? error.state : undefined, error);
      throw error;
    }
  }

  private begin<T>(about: Recorded<T>): Step {
    const { urn, operation, before } = about;
    const step: Step = { urn, type: typeOf(urn), operation, began: new Date().toISOString(), identities: {} };
    this.attempt(about, () => {
      for (const known of before) Object.assign(step.identities, identitiesOf(known.values, secretsOf(about, known)));
      this.runOf(urn).steps.push(step);
    });
    return step;
  }

  private end<T>(about: Recorded<T>, step: Step, outcome: Outcome, state: object | undefined, error: unknown): void {
    step.ended = new Date().toISOString();
    step.outcome = outcome;
    this.attempt(about, () => {
      const before = about.before.at(-1)?.secrets ?? [];
      const known: Known[] = [...about.before];
      if (state) known.push({ values: state as Properties, secrets: new Set(before) });
      for (const one of known.slice(-1))
        Object.assign(step.identities, identitiesOf(one.values, secretsOf(about, one)));
      if (error === undefined) return;
      const secrets = known.flatMap((one) => textsIn(one.values, secretsOf(about, one)));
      const hidden = [...secrets, ...about.secrets, ...secretsOfEnvironment()];
      step.error = redact(error instanceof Error ? error.message : String(error), hidden);
    });
  }

  /** Changes what is recorded and writes it out. */
  private attempt<T>(about: Recorded<T>, change: () => void): void {
    try {
      change();
      const run = this.runOf(about.urn);
      writeEvidence(join(stackDirectory(run.project, run.stack), run.run), {
        [runName]: `${JSON.stringify(run, null, 2)}\n`,
      });
    } catch (error) {
      if (!this.warned) about.warn(`no evidence is written of this run: ${(error as Error).message}`);
      this.warned = true;
    }
  }

  private runOf(urn: string): Run {
    const [head = "", project = ""] = urn.split("::");
    const stack = head.replace(/^urn:pulumi:/, "");
    const key = `${project}/${stack}`;
    const known = this.runs.get(key);
    if (known) return known;
    const run: Run = { run: this.name, project, stack, versions: this.versions, steps: [] };
    this.runs.set(key, run);
    return run;
  }
}

function secretsOf<T>(about: Recorded<T>, known: Known): ReadonlySet<string> {
  return new Set([...known.secrets, ...about.secretNames]);
}

function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}

/** `20261121T151147Z`. */
function stamp(): string {
  return new Date().toISOString().replace(/[-:]|\.\d+/g, "");
}

/** Bounds say in their errors how long they waited; those of Node.js by their name. */
function outcomeOf(error: unknown, signal: AbortSignal): Outcome {
  if (signal.aborted) return "cancelled";
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === "TimeoutError" || (at as NodeJS.ErrnoException).code === "ETIMEDOUT") return "timed-out";
    if (/\b(within|longer than) [\d.]+ (s|ms)\b|\bafter \d+ tries\b/.test(at.message)) return "timed-out";
  }
  return "failed";
}
