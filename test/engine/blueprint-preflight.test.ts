/**
 * What a preflight of a blueprint looks at, with a pool on the simulated Proxmox VE: its own checks and a preview with the
 * blueprint's configuration, and nothing is changed. It never proves that a real Proxmox VE agrees.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import type { BlueprintReport } from "../../cli/blueprint/preflight.ts";
import { PoolSite, vm } from "./pool-site.fixture.ts";

let site: PoolSite;
beforeAll(async () => {
  site = await PoolSite.open();
});
afterAll(() => site?.close());

const ref = "test/pools@v1";

async function preflight(
  more: object = {},
): Promise<{ exitCode: number; steps: BlueprintReport["steps"]; text: string }> {
  const file = join(site.engine.directory, "pools.yml");
  const apps = { env: `\${env}`, ...more, vms: { "app-01": vm(12) } };
  const steps = [
    { id: "apps", project: "platform-vm", secrets: ["proxmox.token"], config: apps },
    { id: "more", project: "platform-vm", requires: ["apps"], config: { env: `\${env}`, require_ipam: false } },
  ];
  writeFileSync(file, stringify({ kind: "Blueprint", ref, steps }));
  const result = await site.engine.holdfast("blueprint", "preflight", "--env", "dev", "--file", file, "--json");
  if (result.stdout === "") throw new Error(result.stderr);
  return { exitCode: result.exitCode, ...JSON.parse(result.stdout), text: result.stdout + result.stderr };
}

test("a step is looked at with the blueprint's configuration; what needs it is deferred; nothing is changed", async () => {
  await site.engine.must("platform-vm", "stack", "init", "dev-more");
  await site.engine.must(
    "platform-vm",
    "config",
    "set-all",
    "--stack",
    "dev-more",
    "--secret",
    `proxmox.token=${site.token}`,
  );
  const stackFile = join(site.engine.directory, "stacks/platform-vm/Pulumi.dev-apps.yaml");
  const [before, writes] = [readFileSync(stackFile, "utf8"), site.writes()];

  const ready = await preflight();
  expect(ready.exitCode, ready.text).toBe(0);
  expect(ready.steps.map(({ id, status }) => `${id} ${status}`)).toEqual(["apps ready", "more deferred"]);
  const of = (id: string) => ready.steps.find((step) => step.id === id)?.checks ?? [];
  expect(of("apps")).toEqual(
    expect.arrayContaining([
      { what: "the pool can be planned", status: "ok", found: "dev-app-01" },
      expect.objectContaining({ what: `template ${site.template} can be cloned`, status: "ok" }),
      { what: "a preview succeeds", status: "ok", found: expect.stringMatching(/\d+ to create/) },
    ]),
  );
  expect(of("more")).toContainEqual(
    expect.objectContaining({ status: "deferred", found: "apps, which it needs, is not deployed yet" }),
  );

  const blocked = await preflight({ datastore_id: "gold" });
  expect(blocked.exitCode).toBe(1);
  expect(blocked.steps[0]).toMatchObject({ id: "apps", status: "blocked" });
  expect(blocked.text).toContain("node pve1 shows the token no storage gold");

  expect(readFileSync(stackFile, "utf8")).toBe(before);
  expect(site.writes()).toBe(writes);
  expect(ready.text + blocked.text).not.toContain(site.token.split("=")[1]);
});

test("a secret that is missing is named with the command that gives it", async () => {
  await site.engine.must("platform-vm", "config", "rm", "proxmox.token", "--stack", "dev-apps");
  const { steps, exitCode } = await preflight();
  await site.renewToken();
  expect(exitCode).toBe(1);
  expect(steps[0]?.checks).toContainEqual({
    ...{ what: "secret proxmox.token is there", status: "failed", found: "is not there" },
    fix: "npx holdfast secrets ensure platform-vm/dev-apps",
  });
});
