/**
 * What real Forgejos answered to requests and command lines like ours (test/recorded/forgejo).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The servers that were asked. Before 15 there is no runners API. */
export const recordedVersions = ["11.0.15", "15.0.3", "16.0.0-dev"] as const;
export type RecordedVersion = (typeof recordedVersions)[number];

/** A command line and what became of it. */
export interface RecordedCommand {
  /** With the program as the first word. */
  args: string[];
  stdin: string | null;
  user: "git" | "root";
  rc: number;
  stdout: string;
  stderr: string;
}

/** A request to the HTTP server and its answer. */
export interface RecordedCall {
  request: { method: string; path: string; headers: Record<string, string>; body: string | null };
  response: { status: number; headers: Record<string, string>; body: string };
  /** Whose token was sent, with which scope. */
  as?: string;
  /** Which setting of the server differed. */
  instance?: string;
}

const read = (version: RecordedVersion, file: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, "..", "recorded", "forgejo", version, file), "utf8"));

/** Command lines by their names, in the order in which they ran. */
export function recordedCommands(version: RecordedVersion): Record<string, RecordedCommand> {
  return read(version, "cli.json");
}

/** Requests by their names, in the order in which they were sent. */
export function recordedCalls(version: RecordedVersion): Record<string, RecordedCall> {
  return read(version, "api.json");
}
