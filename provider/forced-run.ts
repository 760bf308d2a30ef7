/**
 * A deploy that runs a resource again although nothing differs: what was green once is no evidence of what is there now. The
 * command that deploys names its run in an environment variable, which previews and updates of it see alike; without it nothing
 * is forced, and a clean preview is clean. A run that succeeded is kept in the state: going on with the same one repeats nothing.
 */

/** Name of the variable: the id of the run, 1 to 64 of letters, digits, `.`, `_` and `-`. Set by deploys alone. */
export const forceRunVariable = "HOLDFAST_FORCE_RUN";

/** The run that is forced; empty where none is. */
export function forcedRun(environment: NodeJS.ProcessEnv = process.env): string {
  const run = environment[forceRunVariable] ?? "";
  if (run !== "" && !/^[\w.-]{1,64}$/.test(run)) {
    throw new Error(`${forceRunVariable} is no id of a run: expected 1 to 64 letters, digits, . _ -; unset it`);
  }
  return run;
}

/** Whether a resource with this state has yet to run. */
export function isForced(state: { forcedRun?: unknown }, environment: NodeJS.ProcessEnv = process.env): boolean {
  const run = forcedRun(environment);
  return run !== "" && run !== state.forcedRun;
}
