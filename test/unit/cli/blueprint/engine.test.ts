/**
 * One run of Pulumi that takes too long: ended in order, or with all that it started; said with step and stack. A shell script
 * stands in for Pulumi.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Interrupt, type Operation, runPulumi } from "../../../../cli/blueprint/engine.ts";
import type { Pulumi } from "../../../../cli/pulumi.ts";
import { until } from "../../../../lab/wait.ts";

/** Runs this in place of Pulumi, and has its bound come once it says that it is there. */
async function overrun(script: string, changes: Partial<Operation> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-late-"));
  const program = join(directory, "pulumi");
  writeFileSync(program, `#!/bin/sh\ncd ${directory}\n${script}\n`);
  chmodSync(program, 0o755);
  const pulumi = {
    environment: () => ({ ...process.env, PATH: `${directory}:${process.env.PATH}` }),
    stackArgs: () => [],
  } as unknown as Pulumi;
  const [bound, interrupt] = [new AbortController(), new Interrupt([])];
  const running = runPulumi(
    pulumi,
    {
      ...{ place: { project: "ops-runner", stack: "dev-slow" }, step: "bootstrap", args: ["up"], env: "dev" },
      ...{ log: join(directory, "log"), bound: bound.signal, ...changes },
    },
    interrupt,
  );
  const wait = { what: "the script", boundMs: 60_000, everyMs: 10, lookAt: program };
  await until(wait, () => existsSync(join(directory, "there")));
  bound.abort();
  return { directory, ...(await running) };
}

test("a run that takes too long is asked to end in order, and what it said is kept", async () => {
  const { late, text, code } = await overrun(`trap 'echo ended; exit 0' INT
touch there
while :; do sleep 0.05; done`);
  expect(text).toBe("ended\n");
  // It did not do what it was asked to.
  expect(code).toBe(1);
  expect(late).toMatch(
    /^step bootstrap: pulumi up of ops-runner\/dev-slow had not ended after 4 h, and was ended in order; .* goes on/,
  );
});

test("one that does not end in order is killed with all that it started", async () => {
  const { late, directory } = await overrun(
    `trap '' INT
sh -c 'echo $$ > child; mv child there; while :; do sleep 0.05; done' &
while :; do sleep 0.05; done`,
    { graceMs: 1 },
  );
  expect(late).toContain("was killed, for it did not end in order");
  const child = readFileSync(join(directory, "there"), "utf8").trim();
  const wait = { what: `the end of process ${child}`, boundMs: 60_000, everyMs: 10, lookAt: "ps" };
  await until(wait, () => {
    const file = `/proc/${child}/status`;
    return !existsSync(file) || /^State:\s+[ZX]/m.test(readFileSync(file, "utf8"));
  });
});
