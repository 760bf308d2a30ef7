/**
 * The scripts that look at cloud-init and wait for it, in a real shell with a `cloud-init` and a `systemctl` of the test's own. That a real
 * machine writes its result like this is the lab's to show.
 */
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa, execaSync } from "execa";
import { expect, test } from "vitest";
import { cloudInitCommand } from "../../../../provider/readiness/cloud-init.ts";

const result = (...errors: string[]) => JSON.stringify({ v1: { datasource: "NoCloud", errors } }, null, 1);

/** A machine's files and commands; `status` is the exit code of `cloud-init status`, undefined: there is no cloud-init. */
async function waited(
  files: Record<string, string>,
  { status, failed = false }: { status?: number; failed?: boolean },
  verb: "look" | "wait" = "wait",
) {
  const root = mkdtempSync(join(tmpdir(), "holdfast-cloud-init-"));
  const [directory, bin] = ["run", "bin"].map((name) => join(root, name)) as [string, string];
  for (const made of [directory, bin]) mkdirSync(made);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  const asked = join(root, "asked");
  const command = (name: string, lines: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  if (status !== undefined) command("cloud-init", `echo "$*" >>${asked}; exit ${status}`);
  command("systemctl", `exit ${failed ? 0 : 1}`);
  // Nothing else, so that a cloud-init of this machine is not asked.
  for (const tool of ["grep", "sh", "sleep", "timeout"])
    symlinkSync(execaSync("/bin/sh", ["-c", `command -v ${tool}`]).stdout, join(bin, tool));
  writeFileSync(asked, "");
  const { exitCode, stdout } = await execa("/bin/sh", ["-c", cloudInitCommand(verb, { seconds: 600, directory })], {
    env: { PATH: bin },
    reject: false,
    timeout: 20_000,
  });
  return { exitCode, asked: readFileSync(asked, "utf8").trim(), ...(stdout ? { stdout } : {}) };
}

test("a result without errors is the end, and nobody else is asked", async () => {
  expect(await waited({ enabled: "", "result.json": result() }, { status: 1 })).toEqual({ exitCode: 0, asked: "" });
});

test.each([
  ["done, with something that did not stop it", 2, 0],
  ["failed", 1, 1],
])("a result with errors: cloud-init itself says whether it %s", async (_, status, exitCode) => {
  const files = { enabled: "", "result.json": result("could not reach the mirror") };
  expect(await waited(files, { status })).toEqual({ exitCode, asked: "status --wait" });
});

test("a unit that failed before there was a result is not waited for", async () => {
  expect(await waited({ enabled: "" }, { status: 1, failed: true })).toEqual({ exitCode: 1, asked: "status --wait" });
});

test("where it is off it is asked, and where it is not there nobody is", async () => {
  expect(await waited({}, { status: 0 })).toEqual({ exitCode: 0, asked: "status --wait" });
  expect(await waited({}, {})).toEqual({ exitCode: 0, asked: "" });
});

test.each([
  ["absent", {}, {}],
  ["ask", {}, { status: 0 }],
  ["running", { enabled: "" }, { status: 0 }],
  ["running", { enabled: "", "result.json": "" }, { status: 0 }],
  ["ask", { enabled: "" }, { status: 0, failed: true }],
  ["ask", { enabled: "", "result.json": result("no mirror") }, { status: 0 }],
  ["done", { enabled: "", "result.json": result() }, { status: 0 }],
] as [string, Record<string, string>, { status?: number; failed?: boolean }][])(
  "a look without cloud-init itself says %s of %j and %j",
  async (stdout, files, machine) => {
    expect(await waited(files, machine, "look")).toEqual({ exitCode: 0, asked: "", stdout });
  },
);
