/**
 * What Pulumi runs: index.ts, started faster.
 */
import { startProgram } from "../lib/program/start.js";

export default await startProgram(import.meta.dirname);
