/**
 * An error that a program ends with on purpose. Only its words are shown.
 */
import { RunError } from "@pulumi/pulumi";

/**
 * An expected failure of a program. It has no stack trace: nobody needs it, and the SDK would map it through every
 * source map of the process before it prints the message, which takes longer (15 s) than everything else in a preview.
 */
export class ProgramError extends RunError {
  constructor(message: string) {
    super(message);
    this.stack = message;
  }

  /** Turns any failure into one that shows only its words; for `promise.catch`. */
  static rethrow(error: Error): never {
    throw new ProgramError(error.message);
  }
}
