/**
 * Evidence of a blueprint's run: what went in, how each step ended, what it said, and where its stack's own evidence is. It is
 * listed and verified as that of stacks is, under the project `blueprint`.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { redact } from "../../lib/redact.ts";
import { secretsOfEnvironment } from "../../lib/secret-environment.ts";
import { directoryMode, runName, stackDirectory, writeEvidence } from "../../provider/evidence/directory.ts";
import { redactIn } from "../../provider/evidence/redact.ts";
import type { Value } from "../../provider/wire.ts";
import type { PlannedStep } from "./plan.ts";
import { slugOf } from "./record.ts";

/** Stands where a stack's project stands, for `holdfast evidence list`. */
export const evidenceProject = "blueprint";

/** How a step of a run ended. Absent: it has not ended. */
export type StepOutcome = "ok" | "skipped" | "failed" | "cancelled" | "blocked" | "retained";

/** A step of a run, as run.json has it. */
export interface StepEvidence {
  id: string;
  project: string;
  stack: string;
  /** UTC, ISO 8601. */
  began: string;
  ended?: string;
  outcome?: StepOutcome;
  /** Why it was run, or was not. */
  reason?: string;
  seconds?: number;
  /** In Pulumi's words. */
  changes?: string;
  /** Keys of the stack's configuration that were written. */
  configured?: string[];
  error?: string;
  /** Directories of what the stack's resources wrote. */
  evidence?: string[];
}

/** Name under which the runs of a blueprint in an environment lie. */
export function evidenceName(ref: string, env: string): string {
  return `${env}-${slugOf(ref)}`;
}

/** Name of a run: sorts by time, and no two processes share one. */
export function newRun(): string {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  return `${stamp}-${process.pid}-${randomBytes(3).toString("hex")}`;
}

/** The evidence of one run, rewritten whenever something ended. */
export class RunEvidence {
  readonly directory: string;
  readonly steps: StepEvidence[] = [];
  private readonly secrets = new Set<string>(secretsOfEnvironment());
  private files: Record<string, string> = {};
  private warned = false;

  constructor(private readonly about: { run: string; ref: string; env: string; verb: string; versions: object }) {
    this.directory = join(stackDirectory(evidenceProject, evidenceName(about.ref, about.env)), about.run);
  }

  /** Makes the directory, which has to work: it is where Pulumi's output goes as well. */
  open(file: string, steps: readonly PlannedStep[]): void {
    mkdirSync(this.directory, { recursive: true, mode: directoryMode });
    const inputs = steps.map(({ id, project, stack, action, config, secrets, requires }) => {
      return { id, project, stack, action, requires, config: config as Record<string, Value>, secrets };
    });
    const { ref, env, verb } = this.about;
    this.files["inputs.json"] = this.text({ ref, env, verb, file, steps: inputs });
    this.write();
  }

  /** Texts that must not stand in anything that is written from now on. */
  hides(secrets: readonly string[]): void {
    for (const secret of secrets) this.secrets.add(secret);
  }

  /** A text without secrets. */
  clean(text: string): string {
    return redact(text, this.secrets);
  }

  /** Keeps what Pulumi said of a step. */
  keepLog(step: string, text: string): void {
    this.files[`${step}.log`] = this.clean(text);
  }

  /** Writes all of it. A full disk is a warning: it stops no run. */
  write(more: Record<string, Value> = {}): void {
    const { run, versions, ...about } = this.about;
    const stack = evidenceName(about.ref, about.env);
    const content = { run, project: evidenceProject, stack, ...about, versions, ...more, steps: this.steps };
    try {
      writeEvidence(this.directory, { ...this.files, [runName]: this.text(content) });
      this.files = {};
    } catch (error) {
      if (!this.warned) process.stderr.write(`! evidence is missing of this run: ${(error as Error).message}\n`);
      this.warned = true;
    }
  }

  private text(content: object): string {
    return `${JSON.stringify(redactIn(content as Value, [...this.secrets]), null, 2)}\n`;
  }
}
