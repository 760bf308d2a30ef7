/**
 * Progress of long work: every step says that it began, how long it took, and what it found. On a terminal the innermost
 * running step counts its seconds; in a log it is mentioned again every half minute, with the seconds so far.
 */
const live = process.stderr.isTTY === true && process.env.CI === undefined;

/** Milliseconds between two signs of life. */
const interval = live ? 250 : 30_000;

/** Milliseconds after which a step in a log is worth mentioning before it is done. */
const slow = 2_000;

interface Running {
  title: string;
  began: number;
  depth: number;
}

/** Steps that run now, in the order in which they began: the last one is shown. */
const running: Running[] = [];
let ticker: NodeJS.Timeout | undefined;

/** Prints one line of information below the running step. */
export function note(text: string): void {
  print(`${"  ".repeat(running.length)}· ${text}\n`);
  if (live) draw();
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
  const title = expectation ? `${name} (about ${expectation})` : name;
  const self: Running = { title, began: performance.now(), depth: running.length };
  let detail = "";
  running.push(self);
  ticker ??= setInterval(draw, interval).unref();
  const announcement = setTimeout(draw, live || expectation ? 0 : slow).unref();
  try {
    const result = await work({ detail: (text) => (detail = text) });
    finish("✓");
    return result;
  } catch (error) {
    finish("✗");
    throw error;
  }

  function finish(mark: string): void {
    clearTimeout(announcement);
    running.splice(running.indexOf(self), 1);
    if (running.length === 0) {
      clearInterval(ticker);
      ticker = undefined;
    }
    print(`${"  ".repeat(self.depth)}${mark} ${name}${detail ? `: ${detail}` : ""}  ${seconds(self.began)}\n`);
  }
}

/** Shows the innermost running step. */
function draw(): void {
  const innermost = running.at(-1);
  if (!innermost) return;
  const { title, began, depth } = innermost;
  print(`${"  ".repeat(depth)}… ${title}  ${seconds(began)}${live ? "" : "\n"}`);
}

function print(text: string): void {
  process.stderr.write(`${live ? "\r\x1b[K" : ""}${text}`);
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
