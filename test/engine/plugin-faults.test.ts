/**
 * A plugin that breaks while it creates, under the real engine: the create beside it is in the state, what broke is not, the
 * engine says what is unknown, and the next update goes on. The plugin's process and server are the real ones, with one kind
 * of resource that breaks when it is told to.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Engine } from "./engine.ts";

const project = "test/engine/programs/faults";
const up = ["up", "--yes", "--skip-preview"];
let engine: Engine;

beforeAll(async () => {
  engine = await Engine.open();
});

afterAll(() => engine.close());

/** An update that breaks in this way, and then one that does not. */
async function brokenBy(fault: string) {
  const journal = join(mkdtempSync(join(tmpdir(), "holdfast-faults-")), "journal");
  const created = () => readFileSync(journal, "utf8").trim().split("\n").sort();
  await engine.init(project, fault, { journal });
  writeFileSync(`${journal}.fault`, fault);
  const first = await engine.pulumi(project, ...up, "--stack", fault);
  const kept = names(await engine.state(project, fault));
  rmSync(`${journal}.fault`);
  const second = await engine.pulumi(project, ...up, "--stack", fault);
  return { first, kept, second, created, finally: names(await engine.state(project, fault)) };
}

/** Names of what a state has of our kind. */
function names(state: string): string[] {
  const { resources = [] } = (JSON.parse(state) as { deployment: { resources?: { urn: string; type: string }[] } })
    .deployment;
  return resources.filter(({ type }) => type === "holdfast:test:Thing").map(({ urn }) => urn.split("::").at(-1) ?? "");
}

it("fails the create that a fault in an event belongs to, keeps the one beside it, and goes on", async () => {
  const { first, kept, second, created, ...then } = await brokenBy("event");
  expect(first.exitCode).not.toBe(0);
  expect(first.stdout + first.stderr).toContain(
    "create of broken broke off inside the plugin holdfast: Invalid string length. What it had changed by then is not known",
  );
  expect(kept).toEqual(["beside"]);
  expect(second.exitCode, second.stdout + second.stderr).toBe(0);
  expect(then.finally.sort()).toEqual(["beside", "broken"]);
  // What was kept was not made a second time.
  expect(created()).toEqual(["beside", "broken", "broken"]);
});

it("lets the create beside it end well where nobody knows whose a fault was, and answers before the process ends", async () => {
  const { first, kept, second, created, ...then } = await brokenBy("nobody");
  expect(first.exitCode).not.toBe(0);
  expect(first.stdout + first.stderr).toContain("something in the plugin holdfast broke: Invalid string length");
  expect(first.stdout + first.stderr).toContain("create of broken broke off inside the plugin holdfast");
  expect(kept).toEqual(["beside"]);
  expect(second.exitCode, second.stdout + second.stderr).toBe(0);
  expect(then.finally.sort()).toEqual(["beside", "broken"]);
  expect(created()).toEqual(["beside", "broken", "broken"]);
});

it("goes on after a plugin whose process was ended from outside", async () => {
  const { first, kept, second, ...then } = await brokenBy("end");
  expect(first.exitCode).not.toBe(0);
  expect(kept).toEqual([]);
  expect(second.exitCode, second.stdout + second.stderr).toBe(0);
  expect(then.finally.sort()).toEqual(["beside", "broken"]);
});
