/**
 * What the engine has asked of this plugin so far: how much is at work, since when nothing is, and whether it is still
 * refreshing, which it does before anything else and with nothing but reads.
 */

/** Calls that come in every command before and during a refresh: what was read is compared, too. */
const besideRefresh = new Set(["handshake", "attach", "getPluginInfo", "getSchema", "configure", "diff"]);

/** Counts calls. */
export class Activity {
  private open = 0;
  private reads = 0;
  private others = 0;
  private lastEnd = performance.now();

  /** Notes that a call begins; the result is called when it ends. */
  began(method: string): () => void {
    this.open++;
    if (method === "read") this.reads++;
    else if (!besideRefresh.has(method)) this.others++;
    return () => {
      this.open--;
      this.lastEnd = performance.now();
    };
  }

  /** Milliseconds for which a refresh has asked nothing of this plugin any more; 0 where something else is going on. */
  idleInRefreshMs(): number {
    const refreshing = this.reads > 0 && this.others === 0 && this.open === 0;
    return refreshing ? performance.now() - this.lastEnd : 0;
  }
}
