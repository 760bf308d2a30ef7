/**
 * Steps of work on an operations runner: each is shown while it runs, and kept with its times for the evidence.
 */

/** What came of a step. */
export interface StepRecord {
  step: string;
  /** UTC, ISO 8601. */
  began: string;
  seconds: number;
  /** `skipped`: it was as it should be. */
  outcome: "done" | "skipped" | "failed";
  /** What was done, or why not. */
  detail: string;
}

/** How a step says that there was nothing to do. */
export interface Skipped {
  skipped: string;
}

/** Takes steps one after another. */
export class Steps {
  readonly records: StepRecord[] = [];

  /** @param say shows one line, which the next one replaces. */
  constructor(private readonly say: (text: string) => void) {}

  /**
   * Takes a step. Its text, or why it was skipped, is kept.
   * @param title what is being done, for the display.
   */
  async take(step: string, title: string, work: () => Promise<string | Skipped>): Promise<void> {
    const began = new Date().toISOString();
    const start = performance.now();
    const keep = (outcome: StepRecord["outcome"], detail: string) => {
      const seconds = Math.round((performance.now() - start) / 10) / 100;
      this.records.push({ step, began, seconds, outcome, detail });
    };
    this.say(title);
    try {
      const result = await work();
      if (typeof result === "string") keep("done", result);
      else keep("skipped", result.skipped);
    } catch (error) {
      keep("failed", (error as Error).message);
      throw new Error(`${step}: ${(error as Error).message}`, { cause: error });
    }
  }
}
