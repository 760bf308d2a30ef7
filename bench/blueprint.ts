/**
 * What a blueprint costs next to the same `pulumi up`s by hand: small programs on the real engine, so that next to nothing but
 * the overhead is measured. Both deploy the same stacks with the same configuration, in turns.
 */
import { execa } from "execa";
import { Failure } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import type { Engine } from "../test/engine/engine.ts";
import { Flow } from "../test/engine/flow.fixture.ts";
import { type Comparison, compare, type Pair } from "./spread.ts";

/** Seconds of work in each step of the second comparison: less than a VM takes to boot. */
const workS = 20;

/** Updates that change something, by a blueprint and by hand: with next to no work in them, and with some. */
export async function measureBlueprint(runs: number): Promise<Comparison[]> {
  const flow = await Flow.open();
  try {
    await step("stacks of blueprint and hand are made", async () => {
      await makeByHand(flow.engine);
      await once(flow, "0", 0);
    });
    const other = "the same configuration and `pulumi up`s by hand";
    const bare = await measure(flow, runs, 0);
    const working = await measure(flow, Math.min(runs, 3), workS);
    return [
      compare({ what: "two steps that do nothing", with: other }, bare),
      compare({ what: `two steps that work for ${workS} s`, with: other, goal: 1.1 }, working),
    ];
  } finally {
    flow.close();
  }
}

async function measure(flow: Flow, runs: number, takes: number): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let run = 1; run <= runs; run++) {
    const name = `steps of ${takes} s, by a blueprint and by hand, ${run} of ${runs}`;
    pairs.push(await step(name, () => once(flow, `${takes}-${run}`, takes)));
  }
  return pairs;
}

/** One deploy each, of a value that is new. */
async function once(flow: Flow, value: string, takes: number): Promise<Pair> {
  const config = { value, takes };
  const file = flow.blueprint("bench", { config }, { config });
  const holdfast = await seconds(async () => {
    const { exitCode, stderr } = await flow.deploy(file);
    if (exitCode !== 0) throw new Failure(`the blueprint failed:\n${stderr}`);
  });
  return { holdfast, other: await seconds(() => byHand(flow.engine, value, takes)) };
}

async function makeByHand(engine: Engine): Promise<void> {
  for (const project of ["first", "second"]) await engine.must(project, "stack", "init", "by-hand", "--no-select");
  await engine.must("second", "config", "set", "upstream", "first/by-hand", "--stack", "by-hand");
}

/** What somebody types who knows what the blueprint knows. */
async function byHand({ directory, env }: Engine, value: string, takes: number): Promise<void> {
  const stack = "--stack by-hand --non-interactive --color never";
  const lines = ["first", "second"].map(
    (project) =>
      `(cd ${project} && pulumi config set-all --plaintext value=${value} --plaintext takes=${takes} ${stack} && pulumi up --yes --skip-preview ${stack}) >/dev/null`,
  );
  await execa("sh", ["-ec", lines.join("\n")], { cwd: directory, env: { ...process.env, ...env }, stdin: "ignore" });
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
