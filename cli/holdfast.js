#!/usr/bin/env node
/**
 * The command `holdfast`: lets Node.js read TypeScript, then hands over to main.ts.
 */
import { register } from "tsx/esm/api";

register();
await import("./main.ts");
