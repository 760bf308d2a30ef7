/**
 * One run of a blueprint: its lock, its record, its evidence, and its steps one after another, each as one line with its
 * seconds. What deploy and destroy have in common.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { step as progress } from "../../lib/progress.ts";
import { runsOf } from "../../provider/evidence/directory.ts";
import { versions } from "../../toolchain/pins.ts";
import { backendOf, removeEmptyNotes } from "../backend.ts";
import { isAlive } from "../process.ts";
import { checkout, type Pulumi } from "../pulumi.ts";
import { changesIn, type Ended, failureIn, type Interrupt, isLockOf, runPulumi } from "./engine.ts";
import { newRun, RunEvidence, type StepEvidence, type StepOutcome } from "./evidence.ts";
import type { LoadedBlueprint } from "./load.ts";
import { BlueprintLock } from "./lock.ts";
import type { PlannedStep } from "./plan.ts";
import { type BlueprintRecord, placeOf, readRecord, type StepRecord, writeRecord } from "./record.ts";
import { secretValues } from "./stacks.ts";

/** How a run ended. */
export interface RunResult {
  run: string;
  status: "ok" | "failed" | "interrupted";
  steps: StepEvidence[];
  /** Directory. */
  evidence: string;
}

/** What came of a step. */
export interface StepEnd {
  outcome: StepOutcome;
  reason?: string;
  changes?: string;
  error?: string;
}

/** A run that holds the lock. */
export class BlueprintRun {
  readonly id: string;
  readonly record: BlueprintRecord;
  private readonly evidence: RunEvidence;

  private constructor(
    private readonly pulumi: Pulumi,
    private readonly loaded: LoadedBlueprint,
    private readonly verb: "deploy" | "destroy",
    private readonly lock: BlueprintLock,
    readonly interrupt: Interrupt,
    id: string,
  ) {
    this.id = id;
    const { ref, env } = loaded.plan;
    this.record = interrupted(readRecord(ref, env));
    const all = { holdfast: ownVersion(), pulumi: versions.pulumi, node: process.versions.node };
    this.evidence = new RunEvidence({ run: id, ref, env, verb, versions: all });
  }

  /** Takes the lock. @throws Failure when somebody else is at work. */
  static async take(
    pulumi: Pulumi,
    loaded: LoadedBlueprint,
    verb: "deploy" | "destroy",
    interrupt: Interrupt,
  ): Promise<BlueprintRun> {
    const id = newRun();
    const { ref, env } = loaded.plan;
    const lock = await BlueprintLock.take(ref, env, id, verb);
    try {
      const run = new BlueprintRun(pulumi, loaded, verb, lock, interrupt, id);
      await mendBackend(pulumi, run.record);
      return run;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Runs the steps, until one fails or somebody interrupts. The lock is free afterwards, whatever happens. */
  async go(steps: readonly PlannedStep[], work: (step: PlannedStep) => Promise<StepEnd>): Promise<RunResult> {
    const { file, plan } = this.loaded;
    this.evidence.open(file.path, plan.steps);
    const began = new Date().toISOString();
    const { directory } = this.evidence;
    const run = { id: this.id, verb: this.verb, file: file.path, began, evidence: directory };
    this.save({ ...run, status: "running" });
    let status: RunResult["status"] = "failed";
    try {
      status = await this.all(steps, work);
    } finally {
      const ended = new Date().toISOString();
      this.save({ ...run, status, ended });
      this.evidence.write({ began, ended, status });
      rmSync(this.logs, { recursive: true, force: true });
    }
    return { run: this.id, status, steps: this.evidence.steps, evidence: directory };
  }

  release(): void {
    this.lock.release();
  }

  private async all(
    steps: readonly PlannedStep[],
    work: (step: PlannedStep) => Promise<StepEnd>,
  ): Promise<RunResult["status"]> {
    const failed = new Set<string>();
    for (const [index, step] of steps.entries()) {
      if (this.interrupt.came) return "interrupted";
      const missing = this.verb === "deploy" ? step.requires.find((need) => failed.has(need)) : undefined;
      const blocked = missing && { outcome: "blocked" as const, reason: `${missing} failed, which it needs` };
      const { outcome } = await this.one(step, `${index + 1}/${steps.length}`, blocked ? async () => blocked : work);
      if (outcome === "cancelled") return "interrupted";
      if (outcome !== "failed" && outcome !== "blocked") continue;
      failed.add(step.id);
      if (!step.optional) return "failed";
    }
    return "ok";
  }

  /** One step, with its line. */
  private async one(step: PlannedStep, count: string, work: (step: PlannedStep) => Promise<StepEnd>): Promise<StepEnd> {
    const { id, project, stack } = step;
    const line: StepEvidence = { id, project, stack, began: new Date().toISOString() };
    this.evidence.steps.push(line);
    this.evidence.write();
    const before = new Set(runsOf(project, stack));
    let end: StepEnd = { outcome: "failed" };
    const clock = performance.now();
    try {
      await progress(`${count} ${id} (${project}/${stack})`, async ({ detail }) => {
        end = await work(step);
        detail([end.outcome, end.changes, end.reason].filter((part) => part !== undefined).join(", "));
        if (["failed", "cancelled", "blocked"].includes(end.outcome)) throw new StepStopped();
      });
    } catch (error) {
      if (!(error instanceof StepStopped)) {
        line.error = this.evidence.clean((error as Error).message);
        throw error;
      }
    } finally {
      const own = runsOf(project, stack).filter((directory) => !before.has(directory));
      Object.assign(line, end, { ended: new Date().toISOString(), seconds: (performance.now() - clock) / 1000 });
      if (own.length > 0) line.evidence = own;
      this.settle(step, line, own);
      this.evidence.write();
    }
    return end;
  }

  /**
   * Runs Pulumi on a step's stack. Where only a dead process of an earlier run of ours holds the stack, its lock is taken
   * away, once.
   */
  async engine(step: PlannedStep, what: string, args: readonly string[], forceRun?: string): Promise<Ended> {
    const { id, project, stack } = step;
    const place = { project, stack };
    const hidden = secretValues(this.pulumi, place);
    const earlier = this.record.steps[id]?.pulumi;
    const dead = earlier && !isAlive({ pid: earlier.pid, started: "" }) ? earlier : undefined;
    mkdirSync(this.logs, { recursive: true, mode: 0o700 });
    const operation = {
      ...{ place, step: id, args, env: this.loaded.plan.env, log: join(this.logs, `${id}.${what}.log`) },
      ...(forceRun === undefined ? {} : { forceRun }),
      began: (pid: number) => this.works(step, pid),
    };
    let ended = await runPulumi(this.pulumi, operation, this.interrupt);
    if (ended.code !== 0 && isLockOf(ended.text, dead)) {
      process.stderr.write(
        `· the lock of a pulumi that was killed (pid ${dead?.pid}) is taken from ${project}/${stack}\n`,
      );
      await this.pulumi.ask(place, ["cancel", "--yes"]);
      ended = await runPulumi(this.pulumi, { ...operation, log: `${operation.log}.2` }, this.interrupt);
    }
    try {
      this.evidence.hides(await hidden);
      this.evidence.keepLog(`${id}.${what}`, ended.text);
    } catch {
      process.stderr.write(`! what Pulumi said of ${id} is not in the evidence: its secrets could not be read\n`);
      return { ...ended, text: "its words were not kept: the stack's secrets could not be read" };
    }
    return { ...ended, text: this.evidence.clean(ended.text) };
  }

  /** What an end of Pulumi means for a step. */
  endOf({ code, text, late }: Ended, reason: string): StepEnd {
    const changes = changesIn(text);
    if (code === 0) return { outcome: "ok", reason, ...(changes === undefined ? {} : { changes }) };
    if (this.interrupt.came) return { outcome: "cancelled", reason: "interrupted" };
    return { outcome: "failed", reason, error: [late, failureIn(text)].filter(Boolean).join("\n") };
  }

  /** Says that a step is at work, before it is. */
  note(step: PlannedStep, more: Partial<StepRecord>): void {
    const { id, project, stack } = step;
    const { digest, pulumi } = this.record.steps[id] ?? {};
    const known = { ...(digest === undefined ? {} : { digest }), ...(pulumi === undefined ? {} : { pulumi }) };
    const began = new Date().toISOString();
    this.record.steps[id] = { ...known, project, stack, run: this.id, began, evidence: [], status: "running", ...more };
    writeRecord(this.record);
  }

  configured(keys: readonly string[]): void {
    const line = this.evidence.steps.at(-1);
    if (line && keys.length > 0) line.configured = [...keys];
  }

  private works(step: PlannedStep, pid: number): void {
    this.lock.works(step.id, pid);
    const own = this.record.steps[step.id];
    if (own) own.pulumi = { pid, host: hostname() };
    writeRecord(this.record);
  }

  /** Writes down how a step that was at work ended. */
  private settle({ id }: PlannedStep, line: StepEvidence, own: string[]): void {
    const record = this.record.steps[id];
    if (record?.run !== this.id || record.status !== "running") return;
    const { outcome, error, ended } = line;
    record.status =
      outcome === "ok"
        ? this.verb === "deploy"
          ? "ok"
          : "destroyed"
        : outcome === "cancelled"
          ? "interrupted"
          : "error";
    record.evidence = own;
    if (ended !== undefined) record.ended = ended;
    if (error !== undefined) record.error = this.evidence.clean(error);
    writeRecord(this.record);
  }

  private save(run: NonNullable<BlueprintRecord["run"]>): void {
    this.record.run = run;
    writeRecord(this.record);
  }

  /** Where Pulumi's words are while it runs: they may hold secrets, and are gone afterwards. */
  private get logs(): string {
    const { ref, env } = this.loaded.plan;
    return `${placeOf(ref, env)}.logs`;
  }
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as { version: string }).version;
}

/** Ends the line of a step that did not succeed. */
class StepStopped extends Error {}

/** What a Pulumi that was killed in the middle of a write leaves in a backend in files keeps every later one from reading it. */
async function mendBackend(pulumi: Pulumi, { steps }: BlueprintRecord): Promise<void> {
  const cut = Object.values(steps).filter(({ status, pulumi }) => status === "interrupted" && pulumi !== undefined);
  if (cut.length === 0) return;
  const backend = await backendOf(pulumi).catch(() => undefined);
  if (backend?.kind !== "files") return;
  for (const place of cut) {
    if (removeEmptyNotes(backend.root, place) === 0) continue;
    process.stderr.write(`· empty notes beside the state of ${place.project}/${place.stack} are removed\n`);
  }
}

/** A record whose run was killed: what was at work then was cut off. */
function interrupted(record: BlueprintRecord): BlueprintRecord {
  for (const step of Object.values(record.steps)) if (step.status === "running") step.status = "interrupted";
  const logs = `${placeOf(record.ref, record.env)}.logs`;
  if (existsSync(logs)) rmSync(logs, { recursive: true, force: true });
  return record;
}
