/**
 * Collects the command lines of all processes of this machine, those of its sites included, for tests that look for secrets
 * in them.
 */
import { readdirSync, readFileSync } from "node:fs";

/** A sampling that goes on until it is stopped. */
export interface Sampler {
  /** Ends it and gives every command line that was seen, its words separated by spaces. */
  stop(): ReadonlySet<string>;
}

/** Looks at all processes 20 times a second. */
export function sampleProcesses(): Sampler {
  const seen = new Set<string>();
  const look = () => {
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      try {
        seen.add(readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " "));
      } catch {
        // It has ended in between.
      }
    }
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      return seen;
    },
  };
}
