/**
 * Lists that come page by page. How many there are is the other side's word, so it is bounded, and every page has to bring
 * something.
 */

/** One page. */
export interface Page<T> {
  rows: readonly T[];
  /** Whether there is another one behind it. */
  more: boolean;
}

/** Rows of all pages together. */
const mostRows = 200_000;
const mostPages = 2_000;

/**
 * Every row of a list.
 * @param page gives the page that begins after so many rows. Where the next one is, is computed here, never followed: a link
 * could lead anywhere.
 * @param endless what to throw for a list without an end, told how many rows came so far.
 */
export async function everyRow<T>(
  page: (offset: number) => Promise<Page<T>>,
  endless: (rows: number) => Error,
): Promise<T[]> {
  const all: T[] = [];
  for (let pages = 0; pages < mostPages && all.length < mostRows; pages++) {
    const { rows, more } = await page(all.length);
    for (const row of rows) all.push(row);
    if (!more || rows.length === 0) return all;
  }
  throw endless(all.length);
}
