/**
 * What Pulumi runs: index.ts, started faster.
 */
import { startProgram } from "../components/program/start.js";

export default await startProgram(import.meta.dirname);
