/**
 * The package ssh2, loaded when it is first asked for: 40 ms of computing, which a plugin that is asked for its schema, or a
 * program that dials nobody, need not spend.
 */
import { createRequire } from "node:module";
import type Ssh2 from "ssh2";

/** All of the package. */
export function ssh2(): typeof Ssh2 {
  return createRequire(import.meta.url)("ssh2");
}
