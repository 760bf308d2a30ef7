/**
 * One line of a preflight: something that must hold before anything is changed, what was found, and what mends it. The
 * plugin's preflight function refuses on them; `holdfast doctor` prints them as a table.
 */

/**
 * What became of a check. `skipped` means that nothing was observed, and is never shown as good; `warning` is one that nothing
 * depends on for certain, and that is not satisfied; `deferred` is one that can only be looked at once something else is done.
 */
export type CheckStatus = "ok" | "failed" | "warning" | "skipped" | "deferred";

/** One check and its result. */
export interface Check {
  /** What must hold, in a few words, for example `storage pool images is active`. */
  what: string;
  status: CheckStatus;
  /** What was found, or why it was not looked at. Never holds a secret. */
  found?: string;
  /** The command or the configuration key that mends it; for checks that failed. */
  fix?: string;
}

/** The failed checks as the lines of an error message. */
export function failures(checks: readonly Check[]): string[] {
  return checks
    .filter(({ status }) => status === "failed")
    .map(({ what, found, fix }) => `${found ?? `not so: ${what}`}${fix ? `; ${fix}` : ""}`);
}

/** @throws Error with every failed check, one a line below `head`. */
export function refuseFailed(head: string, checks: readonly Check[]): void {
  const failed = failures(checks);
  if (failed.length > 0) throw new Error(`${head}${failed.map((problem) => `\n  - ${problem}`).join("")}`);
}
