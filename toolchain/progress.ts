/**
 * Progress of long work: every step says that it began, how long it took, and what it found. On a terminal the running
 * step counts its seconds; in a log each step is one line when it starts being slow and one when it is done.
 */
const live = process.stderr.isTTY === true && process.env.CI === undefined;
let depth = 0;

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function write(text: string): void {
  process.stderr.write(text);
}

/** Prints one line of information below the running step. */
export function note(text: string): void {
  write(`${live ? "\r\x1b[K" : ""}${"  ".repeat(depth + 1)}· ${text}\n`);
}

/** What a step may say when it ends: shown behind its name. */
export interface StepReport {
  /** Replaces the detail shown behind the step, for example `built from source`. */
  detail(text: string): void;
}

/**
 * Runs one named step and prints its outcome and duration in seconds. A failure is marked and thrown on.
 * @param expectation how long it usually takes, for example `3 min`; printed when the step starts.
 */
export async function step<T>(
  name: string,
  work: (report: StepReport) => Promise<T>,
  expectation?: string,
): Promise<T> {
  const began = performance.now();
  const indent = "  ".repeat(depth);
  let detail = "";
  const title = `${name}${expectation ? ` (about ${expectation})` : ""}`;
  const running = () => write(`${live ? "\r\x1b[K" : ""}${indent}… ${title}${live ? ` ${seconds(began)}` : "\n"}`);
  const ticker = setInterval(running, live ? 250 : 30_000).unref();
  const announce = live || expectation ? undefined : setTimeout(running, 2_000).unref();
  if (live || expectation) running();
  depth += 1;
  try {
    const result = await work({ detail: (text) => (detail = text) });
    finish("✓");
    return result;
  } catch (error) {
    finish("✗");
    throw error;
  }

  function finish(mark: string): void {
    depth -= 1;
    clearInterval(ticker);
    clearTimeout(announce);
    write(`${live ? "\r\x1b[K" : ""}${indent}${mark} ${name}${detail ? `: ${detail}` : ""}  ${seconds(began)}\n`);
  }
}
