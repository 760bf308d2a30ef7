/**
 * Work that many ask for at the same time and that is done once.
 */

/** Results by key. A failure is not kept: who asks next tries again. */
export class Once<T> {
  private readonly results = new Map<string, Promise<T>>();

  /** The result for a key, of the work that is under way or was done. */
  get(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.results.get(key);
    if (known) return known;
    const result = work();
    this.results.set(key, result);
    result.catch(() => this.forget(key, result));
    return result;
  }

  /** The same, forgotten as soon as it is done: only who asks meanwhile shares it. */
  async share(key: string, work: () => Promise<T>): Promise<T> {
    const result = this.get(key, work);
    try {
      return await result;
    } finally {
      this.forget(key, result);
    }
  }

  /** Lets the next who asks do it anew. */
  drop(key: string): void {
    this.results.delete(key);
  }

  private forget(key: string, result: Promise<T>): void {
    if (this.results.get(key) === result) this.results.delete(key);
  }
}
