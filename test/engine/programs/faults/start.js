/**
 * What Pulumi runs: index.ts, started as the shipped programs are.
 */
import { startProgram } from "../../../../lib/program/start.js";

export default await startProgram(import.meta.dirname);
