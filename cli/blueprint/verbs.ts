/**
 * What the commands `holdfast blueprint ...` share: which blueprint is meant, in which environment, and how a run is shown.
 */
import { Interrupt } from "./engine.ts";
import { environmentOf, environmentVariable } from "./environment.ts";
import { type LoadedBlueprint, soundBlueprint } from "./load.ts";
import type { RunResult } from "./run.ts";

/** Options of the commands, as they were given. */
export interface BlueprintOptions {
  env?: string | undefined;
  ref?: string | undefined;
  file?: string | undefined;
  json: boolean;
}

/** Exit code of a run that somebody interrupted, as shells have it. */
const interrupted = 130;

/** The blueprint that is meant, without a mistake in it, and the command that was typed without `--execute`. */
export function sound(options: BlueprintOptions, verb = "preflight"): { loaded: LoadedBlueprint; command: string } {
  const env = environment(options);
  const { ref, file } = options;
  const loaded = soundBlueprint({ ref, file }, env);
  const source = file === undefined ? `--ref ${ref}` : `--file ${file}`;
  return { loaded, command: `holdfast blueprint ${verb} --env ${env} ${source}` };
}

/** The environment; every program that is started from here on gets it. */
export function environment({ env: flag }: BlueprintOptions): string {
  const env = environmentOf(flag);
  process.env[environmentVariable] = env;
  return env;
}

/**
 * Runs a blueprint, and says how it ended.
 * @param command what was typed, without `--execute`.
 * @returns 0 done, 1 a step failed, 130 interrupted.
 */
export async function execute(
  loaded: LoadedBlueprint,
  { json }: BlueprintOptions,
  command: string,
  verb: string,
  work: (interrupt: Interrupt) => Promise<RunResult>,
): Promise<number> {
  const result = await interruptible(work);
  if (json) printJson({ ref: loaded.plan.ref, env: loaded.plan.env, ...result });
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

/** Lets Ctrl-C end some work in order, and a second one at once. */
export async function interruptible<T>(work: (interrupt: Interrupt) => Promise<T>): Promise<T> {
  const interrupt = new Interrupt();
  try {
    return await work(interrupt);
  } finally {
    interrupt.close();
  }
}

/** Prints a result for machines. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
