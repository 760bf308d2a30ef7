#!/usr/bin/env node
/**
 * The command `holdfast`: main.ts, started as programs are.
 */
import { startProgram } from "../components/program/start.js";

await startProgram(import.meta.dirname, "main.ts", async () => {
  const { register } = await import("tsx/esm/api");
  register();
});
