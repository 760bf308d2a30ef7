/**
 * What Pulumi runs: index.ts, started as the shipped programs are.
 */
import { startProgram } from "../../../../components/program/start.js";

export default await startProgram(import.meta.dirname);
