/**
 * The digest of a pin: the same digest means the same content, any changed input gives another one.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Component } from "./component.ts";
import { platform } from "./pins.ts";

/** What of a component decides its content. */
export type Pinned = Pick<Component, "name" | "version" | "recipe" | "sources" | "binaries">;

/** The first 16 hexadecimal digits of the SHA-256 over name, version, recipe, source texts, file list and platform. */
export function pinDigest(component: Pinned): string {
  const hash = createHash("sha256");
  const parts = [component.name, component.version, component.recipe, component.binaries, platform];
  hash.update(JSON.stringify(parts));
  for (const path of component.sources) {
    const text = readFileSync(path);
    hash.update(`\n${basename(path)} ${text.length}\n`).update(text);
  }
  return hash.digest("hex").slice(0, 16);
}
