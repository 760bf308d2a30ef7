/**
 * What is left of several measurements of one thing. Pure.
 */

/** Smallest, middle and largest of some measurements. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

/** @throws for no values at all: nothing was measured then. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined || low === undefined || high === undefined)
    throw new Error("no measurement, no spread");
  return { min, median: (low + high) / 2, max };
}

/** One pair: both in one run, one right after the other. Seconds. */
export interface Pair {
  holdfast: number;
  other: number;
}

/** Two ways to the same end, compared. */
export interface Comparison {
  /** What is compared, for a person. */
  what: string;
  /** What holdfast is compared with. */
  with: string;
  /** The ratio that is hoped for, at most. */
  goal?: number;
  runs: number;
  holdfast: Spread;
  other: Spread;
  /** Of the pairs' ratios, which a machine that is busy for a while moves less than it moves the seconds. */
  ratio: Spread;
}

/** Sums pairs up. */
export function compare(about: Pick<Comparison, "what" | "with" | "goal">, pairs: readonly Pair[]): Comparison {
  return {
    ...about,
    runs: pairs.length,
    holdfast: spread(pairs.map(({ holdfast }) => holdfast)),
    other: spread(pairs.map(({ other }) => other)),
    ratio: spread(pairs.map(({ holdfast, other }) => holdfast / other)),
  };
}
