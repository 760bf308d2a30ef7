/**
 * A job's script in a real shell, with a release of two programs that note what they were told.
 *
 * Not proven here: a real release on a runner (the lab ring).
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { jobScript, jobSettings } from "../../../../cli/dispatch/job-script.ts";

/** Runs a job whose command is called with `environment` passed on. */
function ran(environment: string) {
  const root = mkdtempSync(join(tmpdir(), "holdfast-job-"));
  const [directory, release, secrets] = ["job", "release", "secrets"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  const write = (path: string, text: string, mode = 0o600) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
  };
  const program = '#!/bin/sh\nprintf "%s\\n" "$@" >>"$TOLD"\nexit 3\n';
  for (const name of ["bin/pulumi", "node/bin/node"]) write(join(release, name), program, 0o755);
  write(join(directory, "job"), jobScript.text, 0o700);
  write(
    join(directory, "settings"),
    jobSettings({
      ...{ release, directory, secrets, env: "dev", backendUrl: undefined, certificates: {} },
      ...{ command: ["blueprint", "deploy", "it's"], hasKey: false, hasPassphrase: false },
    }),
  );
  write(join(secrets, "environment"), environment.replaceAll("ROOT", root));
  write(join(root, "mine", "kept"), "");
  const told = join(root, "told");
  execFileSync(join(directory, "job"), { env: { ...process.env, TOLD: told } });
  return {
    exit: readFileSync(join(directory, "exit"), "utf8").trim(),
    told: readFileSync(told, "utf8").split("\n").filter(Boolean),
    secretsLeft: existsSync(secrets),
    mineLeft: existsSync(join(root, "mine", "kept")),
  };
}

const command = ["version", "holdfast/cli/holdfast.js", "blueprint", "deploy", "it's"];

test("a command gets its words, its exit code is kept, and its secrets go", () => {
  expect(ran("export TOKEN='t'\n")).toEqual({ exit: "3", told: command, secretsLeft: false, mineLeft: true });
});

test("variables that are passed on do not change what the script uses and removes", () => {
  const names = ["secrets", "release", "directory", "command", "code"];
  const passed = names.map((name) => `export ${name}='ROOT/mine'\n`).join("");
  expect(ran(passed)).toEqual({ exit: "3", told: command, secretsLeft: false, mineLeft: true });
});
