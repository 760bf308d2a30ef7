/**
 * Errors that a person reads: what is wrong, where, and what to do next.
 */

/** An expected failure. Printed without a stack trace. */
export class Failure extends Error {
  /**
   * @param what what is wrong and where, in one sentence.
   * @param next what to do about it: a command where there is one.
   */
  constructor(
    readonly what: string,
    readonly next?: string,
    options?: ErrorOptions,
  ) {
    super(next ? `${what}\n  next: ${next}` : what, options);
    this.name = "Failure";
  }
}

/** Runs a command line's main function: a `Failure` is printed short, anything else with its stack; exit code 1. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`\n✗ ${error instanceof Failure ? error.message : ((error as Error).stack ?? error)}\n`);
    process.exitCode = 1;
  }
}
