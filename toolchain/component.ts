/**
 * What the toolchain makes: components, each from a pin, each in one of several ways.
 */

/** One directory of the cache, named by the digest of everything that decides its content. */
export interface Component {
  /** Its folder in the cache, for example `pulumi`. */
  readonly name: string;
  /** Shown to people, for example `3.255.0`. */
  readonly version: string;
  /** How long the slowest way takes on two cores with an empty Go cache, for example `4 min if it must be built`. */
  readonly expectation?: string;
  /** Everything that decides the content, as data: versions, addresses, packages, flags, patches. Goes into the digest. */
  readonly recipe: unknown;
  /** Absolute paths of files that decide the content too, such as go.mod and go.sum. Their text goes into the digest. */
  readonly sources: readonly string[];
  /** Files that must be there, relative to the directory. Their size and time are checked on every use. */
  readonly binaries: readonly string[];
  /** Tried in this order. */
  readonly ways: readonly Way[];
  /** Asks what was made for its version. Returns what is wrong, or nothing. */
  verify?(directory: string): Promise<string | undefined>;
}

/** One way to come by a component. */
export interface Way {
  /** For example `built from Go modules`. */
  readonly name: string;
  /**
   * Fills an empty directory.
   * @throws Failure when no other way is left to try and a person must act.
   */
  make(directory: string): Promise<Outcome>;
}

/** Made, with a detail worth showing; or not, and why. */
export type Outcome = { made: true; detail?: string } | { made: false; why: string };
