#!/usr/bin/env node
/**
 * The command `holdfast`: main.ts, started as programs are.
 */
import { startProgram } from "../lib/program/start.js";

await startProgram(import.meta.dirname, "main.ts");
