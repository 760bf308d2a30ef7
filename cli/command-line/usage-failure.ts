/**
 * What is wrong with a command line.
 */
import { Failure } from "../../lib/failure.ts";

/** A command line that a command does not take, found by the command itself: its usage is shown below. */
export class UsageFailure extends Failure {}
