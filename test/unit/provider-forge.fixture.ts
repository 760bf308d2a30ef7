/**
 * The fake forge of the engine ring, on loopback until the test is over; and bounds that a test can wait for.
 */
import { onTestFinished } from "vitest";
import type { Bounds } from "../../provider/forge/http.ts";
import { FakeForge, type ForgeOptions } from "../engine/fake-forge.ts";
import type { Row } from "../engine/fake-forge-rows.ts";

/** Versions as forges of each dialect say them. */
export const versions = {
  gitea: "1.26.0",
  forgejo15: "15.0.1+gitea-1.22.0",
  forgejo11: "11.0.1+gitea-1.22.0",
  forgejo7: "7.0.8+gitea-1.21.11",
} as const;

/** Short enough to run into, again and again; for forges that never answer. */
export const hasty: Bounds = { tryMs: 200, tries: 3, totalMs: 2_000, pauseMs: 1 };

/** For forges that answer in the end. */
export const patient: Bounds = { tryMs: 1_000, tries: 3, totalMs: 10_000, pauseMs: 1 };

/** For forges that answer, however busy the machine is. */
export const unhurried: Bounds = { tryMs: 10_000, tries: 3, totalMs: 25_000, pauseMs: 1 };

/** Serves until the test is over. */
export async function fakeForge(options: ForgeOptions = {}): Promise<FakeForge & { url: string }> {
  const forge = new FakeForge(options);
  const url = await forge.start();
  onTestFinished(() => forge.close());
  return Object.assign(forge, { url });
}

/** A row of a runner in use that nothing marks as ours. */
export function row(changes: Partial<Row> = {}): Row {
  return {
    id: 90,
    name: "foundation-runner-02",
    uuid: "00000000-0000-4000-8000-000000000090",
    labels: ["fenced"],
    ...changes,
  };
}
