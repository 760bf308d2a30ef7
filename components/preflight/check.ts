/**
 * One line of a preflight: something that must hold before anything is changed, what was found, and what mends it. The
 * plugin's preflight function refuses on them; `holdfast doctor` prints them as a table.
 */

/** What became of a check. `skipped` means that nothing was observed, and is never shown as good. */
export type CheckStatus = "ok" | "failed" | "skipped";

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
