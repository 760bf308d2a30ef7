/**
 * What a deploy and a destroy do with steps that are only planned and with optional ones. A shell script stands in for Pulumi,
 * and writes down what it was asked for; no step has configuration, so that no stack file is written.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { deploy, planDeploy } from "../../../../cli/blueprint/deploy.ts";
import { destroy, planDestroy } from "../../../../cli/blueprint/destroy.ts";
import { Interrupt } from "../../../../cli/blueprint/engine.ts";
import type { LoadedBlueprint } from "../../../../cli/blueprint/load.ts";
import { planBlueprint } from "../../../../cli/blueprint/plan.ts";
import { readRecord } from "../../../../cli/blueprint/record.ts";
import { blueprintSpec } from "../../../../cli/blueprint/spec.ts";
import type { Pulumi } from "../../../../cli/pulumi.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-run-"));
  vi.stubEnv("XDG_STATE_HOME", directory);
  onTestFinished(() => void vi.unstubAllEnvs());
  // Fails for stacks that a file names, and has made a resource in every other that is updated.
  writeFileSync(
    join(directory, "pulumi"),
    `#!/bin/sh
cd ${directory}
for stack; do :; done
echo "$1 $stack" >> asked
[ ! -e "fails-$stack" ] || { echo "asked to fail"; exit 1; }
[ "$1" != up ] || touch "has-$stack"
`,
  );
  chmodSync(join(directory, "pulumi"), 0o755);
});

const read = (name: string) => readFileSync(join(directory, name), "utf8").trim().split("\n");
const there = (name: string) => {
  try {
    return read(name) !== undefined;
  } catch {
    return false;
  }
};
const fails = (stack: string) => writeFileSync(join(directory, `fails-${stack}`), "");

/** Pulumi as far as a run needs it: stacks that were updated have something in them. */
const pulumi = {
  environment: () => ({ ...process.env, PATH: `${directory}:${process.env.PATH}` }),
  stackArgs: ({ stack }: { stack: string }) => ["--stack", stack],
  stackList: async () =>
    ["one", "two", "three"].map((id) => ({ name: `t-run-${id}`, resourceCount: there(`has-t-run-${id}`) ? 1 : 0 })),
} as unknown as Pulumi;

function blueprint(...steps: ({ id: string } & Record<string, unknown>)[]): LoadedBlueprint {
  const all = steps.map((step) => ({ project: "ops-runner", stack: `t-run-${step.id}`, ...step }));
  const spec = blueprintSpec.parse({ kind: "Blueprint", ref: "test/run@v1", steps: all });
  const plan = planBlueprint(spec, "dev");
  return { file: { path: "run.yml", spec, where: (at) => at }, plan, problems: plan.problems };
}

async function run(verb: typeof deploy, loaded: LoadedBlueprint) {
  rmSync(join(directory, "asked"), { force: true });
  const { status, steps } = await verb(pulumi, loaded, new Interrupt([]));
  const { steps: recorded } = readRecord("test/run@v1", "dev");
  return {
    status,
    ends: Object.fromEntries(steps.map(({ id, outcome, reason }) => [id, `${outcome}: ${reason}`])),
    asked: there("asked") ? read("asked") : [],
    recorded: Object.fromEntries(Object.entries(recorded).map(([id, one]) => [id, one.status])),
  };
}

test("a step that is only planned is previewed by every deploy, and updates and destroys nothing", async () => {
  const two = { id: "two", requires: ["one"], action: "plan", skip_if_state_ok: true };
  const loaded = blueprint({ id: "one", skip_if_state_ok: true, verify_state_on_skip: false }, two);
  expect((await planDeploy(pulumi, loaded))[1]).toMatchObject({
    ...{ action: "run", reason: "it is a plan, and changes nothing" },
  });
  const first = await run(deploy, loaded);
  expect(first).toMatchObject({ status: "ok", asked: ["up t-run-one", "preview t-run-two"] });
  expect(first.ends.two).toBe("ok: it is a plan, and changes nothing");
  expect((await run(deploy, loaded)).asked).toEqual(["preview t-run-two"]);

  fails("t-run-two");
  const failed = await run(deploy, loaded);
  expect(failed).toMatchObject({ status: "failed", recorded: { one: "ok", two: "error" } });

  expect((await planDestroy(pulumi, loaded)).map(({ action }) => action)).toEqual(["none", "destroy"]);
  expect(await run(destroy, loaded)).toMatchObject({ status: "ok", asked: ["destroy t-run-one"] });
});

test("an optional step that fails holds up those that need it, and nothing else", async () => {
  const loaded = blueprint(
    { id: "one", optional: true },
    { id: "two", optional: true, requires: ["one"] },
    { id: "three" },
  );
  fails("t-run-one");
  const { ends, ...passed } = await run(deploy, loaded);
  expect(passed).toEqual({
    ...{ status: "ok", asked: ["up t-run-one", "up t-run-three"] },
    recorded: { one: "error", three: "ok" },
  });
  expect(ends).toMatchObject({
    two: "blocked: one failed, which it needs",
    three: "ok: it was never run from here",
  });
});

test("a step that has to succeed stops the deploy when what it needs was optional and failed", async () => {
  const loaded = blueprint({ id: "one", optional: true }, { id: "two", requires: ["one"] }, { id: "three" });
  fails("t-run-one");
  const stopped = await run(deploy, loaded);
  expect(stopped).toMatchObject({ status: "failed", asked: ["up t-run-one"] });
  expect(Object.keys(stopped.ends)).toEqual(["one", "two"]);

  rmSync(join(directory, "fails-t-run-one"));
  expect(await run(deploy, loaded)).toMatchObject({
    ...{ status: "ok", recorded: { one: "ok", two: "ok", three: "ok" } },
  });
});
