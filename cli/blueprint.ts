/**
 * `holdfast blueprint`: the verbs. Each reads its options, asks the modules beside it, and says what came of it.
 */

import { Failure } from "../lib/failure.ts";
import { deploy, planDeploy } from "./blueprint/deploy.ts";
import { destroy, planDestroy } from "./blueprint/destroy.ts";
import { Interrupt } from "./blueprint/engine.ts";
import { environmentOf, environmentVariable } from "./blueprint/environment.ts";
import { copyBlueprint } from "./blueprint/file.ts";
import { type LoadedBlueprint, loadBlueprint, refuse, soundBlueprint } from "./blueprint/load.ts";
import type { RunResult } from "./blueprint/run.ts";
import { statusOfBlueprint, statusText } from "./blueprint/status.ts";
import { exitCode, printTable } from "./check-table.ts";
import { Pulumi } from "./pulumi.ts";

/** Options of the verbs, as they were given. */
export interface BlueprintOptions {
  env?: string | undefined;
  ref?: string | undefined;
  file?: string | undefined;
  json: boolean;
}

/** Exit code of a run that somebody interrupted, as shells have it. */
const interrupted = 130;

/** Copies a shipped blueprint for an environment. */
export function initBlueprint(
  options: BlueprintOptions & { "dest-name"?: string | undefined; "dest-dir"?: string | undefined; force: boolean },
): number {
  const env = environment(options);
  const { ref } = options;
  if (ref === undefined) throw new Failure("which blueprint is not said", "--ref networking/onprem-ops-runner@v1");
  const { problems } = loadBlueprint({ ref }, env);
  const { "dest-name": name, "dest-dir": directory, force } = options;
  const path = copyBlueprint({ env, ref, name, directory, force });
  const places = problems.flatMap(({ at, placeholder }) => (placeholder ? [at] : []));
  if (options.json) out({ path, placeholders: places });
  else {
    const fill = places.length > 0 ? `fill in ${places.join(", ")}; then ` : "";
    process.stdout.write(`${path}\n  next: ${fill}holdfast blueprint preflight --env ${env} --file ${path}\n`);
  }
  return 0;
}

/**
 * Looks at a blueprint without asking Pulumi anything. One that the checkout ships may have placeholders: they are listed.
 * Without an environment a stand-in is used.
 */
export function validateBlueprint(options: BlueprintOptions): number {
  const { ref, file } = options;
  const given = options.env !== undefined || (process.env[environmentVariable] ?? "") !== "";
  const loaded = loadBlueprint({ ref, file }, given ? environment(options) : "env");
  const open = file === undefined ? loaded.problems.filter(({ placeholder }) => placeholder) : [];
  refuse(
    loaded,
    loaded.problems.filter((problem) => !open.includes(problem)),
  );
  const { plan } = loaded;
  const steps = plan.steps.map(({ id, project, stack }) => ({ id, project, stack }));
  if (options.json) out({ ref: plan.ref, file: loaded.file.path, steps, placeholders: open.map(({ at }) => at) });
  else {
    const lines = open.map(({ at }) => `\n  ${loaded.file.where(at)} waits to be filled in`).join("");
    const names = steps.map(({ id, project, stack }) => `\n  ${id}  ${project}/${stack}`).join("");
    process.stdout.write(`✓ ${plan.ref} can be used (${loaded.file.path})${names}${lines}\n`);
  }
  return 0;
}

/** Looks at everything that can be looked at without a change. Exit code 0 ready or deferred, 1 blocked, 2 not all seen. */
export async function preflightVerb(options: BlueprintOptions): Promise<number> {
  const { loaded } = sound(options);
  // Alone needs the clients of every project's preflight, which take most of a second to load.
  const { preflightBlueprint } = await import("./blueprint/preflight.ts");
  const pulumi = await Pulumi.open();
  const report = await interruptible((interrupt) => preflightBlueprint(pulumi, loaded, interrupt));
  if (options.json) out({ ref: loaded.plan.ref, env: loaded.plan.env, ...report });
  else {
    printTable(`${loaded.plan.ref} in ${loaded.plan.env}`, report.checks);
    for (const { id, project, stack, status, checks } of report.steps) {
      process.stdout.write("\n");
      printTable(`${id} (${project}/${stack}): ${status}`, checks);
    }
  }
  return exitCode([...report.checks, ...report.steps.flatMap(({ checks }) => checks)]);
}

/** Shows the plan of a deploy, or deploys. Exit code 0 done, 1 a step failed, 130 interrupted. */
export async function deployVerb(options: BlueprintOptions & { execute: boolean }): Promise<number> {
  const { loaded, command } = sound(options);
  const pulumi = await Pulumi.open();
  if (options.execute)
    return show(loaded, options, command, (interrupt) => deploy(pulumi, loaded, interrupt), "deploy");
  const steps = (await planDeploy(pulumi, loaded)).map(({ step: { id, project, stack }, ...rest }) => {
    return { id, project, stack, ...rest };
  });
  if (options.json) out({ ref: loaded.plan.ref, env: loaded.plan.env, steps });
  else {
    const lines = steps.map(({ id, project, stack, action, reason, writes, isNew }, index) => {
      const more = [isNew ? "makes the stack" : "", writes.length > 0 ? `sets ${writes.join(", ")}` : ""].filter(
        Boolean,
      );
      const words = { run: "runs", verify: "previews, and runs where something changes", skip: "skips" }[action];
      return `${index + 1}. ${id} (${project}/${stack}): ${words}; ${reason}${more.map((one) => `\n   ${one}`).join("")}\n`;
    });
    process.stdout.write(
      `${loaded.plan.ref} in ${loaded.plan.env}; nothing was changed\n\n${lines.join("")}\n  next: ${command} --execute\n`,
    );
  }
  return 0;
}

/** Shows the plan of a destroy, or destroys. Exit codes as of a deploy. */
export async function destroyVerb(options: BlueprintOptions & { execute: boolean }): Promise<number> {
  const { loaded, command } = sound(options, "destroy");
  const pulumi = await Pulumi.open();
  if (options.execute)
    return show(loaded, options, command, (interrupt) => destroy(pulumi, loaded, interrupt), "destroy");
  const steps = (await planDestroy(pulumi, loaded)).map(({ step: { id, project, stack }, action }) => {
    return { id, project, stack, action };
  });
  if (options.json) out({ ref: loaded.plan.ref, env: loaded.plan.env, steps });
  else {
    const words = { destroy: "is destroyed", retain: "stays (retain_on_destroy)", none: "has nothing to destroy" };
    const lines = steps.map(({ id, project, stack, action }) => `${id} (${project}/${stack}) ${words[action]}\n`);
    process.stdout.write(
      `${loaded.plan.ref} in ${loaded.plan.env}; nothing was changed\n\n${lines.join("")}\n  next: ${command} --execute\n`,
    );
  }
  return 0;
}

/** Shows each step's last run. Exit code 1 where one failed or was cut off. */
export function statusVerb(options: BlueprintOptions): number {
  const env = environment(options);
  const status = statusOfBlueprint(loadBlueprint(options, env).plan);
  if (options.json) out(status);
  else process.stdout.write(statusText(status));
  return status.steps.some(({ status }) => status === "error" || status === "interrupted") ? 1 : 0;
}

/** The blueprint that is meant, without a mistake in it, and the command that was typed without `--execute`. */
function sound(options: BlueprintOptions, verb = "deploy"): { loaded: LoadedBlueprint; command: string } {
  const env = environment(options);
  const { ref, file } = options;
  const loaded = soundBlueprint({ ref, file }, env);
  const source = file === undefined ? `--ref ${ref}` : `--file ${file}`;
  return { loaded, command: `holdfast blueprint ${verb} --env ${env} ${source}` };
}

/** The environment; every program that is started from here on gets it. */
function environment({ env: flag }: BlueprintOptions): string {
  const env = environmentOf(flag);
  process.env[environmentVariable] = env;
  return env;
}

async function show(
  loaded: LoadedBlueprint,
  { json }: BlueprintOptions,
  command: string,
  work: (interrupt: Interrupt) => Promise<RunResult>,
  verb: string,
): Promise<number> {
  const result = await interruptible(work);
  if (json) out({ ref: loaded.plan.ref, env: loaded.plan.env, ...result });
  const given = {
    ok: `✓ ${verb} of ${loaded.plan.ref} is done`,
    failed: `✗ ${verb} stopped`,
    interrupted: `✗ ${verb} was interrupted`,
  };
  const lines = result.steps.flatMap(({ id, project, stack, outcome, error }) => {
    return outcome === "failed" ? [`${id} (${project}/${stack}) failed:`, error ?? "", ""] : [];
  });
  const next =
    result.status === "ok"
      ? []
      : [`  next: once that is mended, the same command goes on from there: ${command} --execute`];
  process.stderr.write(`\n${[...lines, given[result.status], ...next, `evidence: ${result.evidence}`].join("\n")}\n`);
  return { ok: 0, failed: 1, interrupted }[result.status];
}

async function interruptible<T>(work: (interrupt: Interrupt) => Promise<T>): Promise<T> {
  const interrupt = new Interrupt();
  try {
    return await work(interrupt);
  } finally {
    interrupt.close();
  }
}

function out(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
