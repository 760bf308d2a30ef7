/**
 * Bytes that pass by: counted, bounded and digested.
 */
import { createHash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";

/** A stream was longer than it may be. */
export class TooLong extends Error {
  constructor(bytes: number) {
    super(`it is longer than ${bytes} bytes`);
    this.name = "TooLong";
  }
}

/** Passes everything on, up to a bound, behind which it fails with `TooLong`. */
export class Meter extends Transform {
  private readonly hash;
  private size = 0;

  /**
   * @param algorithm of the digest, for example `sha256`.
   * @param most bytes that may pass.
   * @param passed told of every part.
   */
  constructor(
    algorithm: string,
    private readonly most: number,
    private readonly passed: () => void = () => {},
  ) {
    super();
    this.hash = createHash(algorithm);
  }

  override _transform(part: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.passed();
    this.size += part.length;
    if (this.size > this.most) {
      done(new TooLong(this.most));
    } else {
      this.hash.update(part);
      done(null, part);
    }
  }

  /** The digest of all that passed, in hexadecimal digits. Once, at the end. */
  digest(): string {
    return this.hash.digest("hex");
  }
}
