/**
 * The lab site that is measured on: a stack deployed by holdfast, the same stack as a bare program beside it, and jobs.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ForgeClient, ForgeJob } from "../lab/forge-client.ts";
import { writePrivately } from "../lab/secrets.ts";
import { until } from "../lab/wait.ts";
import { pulumi, type Workspace } from "../lab/workspace.ts";
import { Failure } from "../lib/failure.ts";
import { bareProgram, type ExportedResource } from "./bare.ts";

/** Project folder of the bare program in the operator's clone. */
export const bareProject = "bare";

/** Writes the bare program of the deployed stack into the clone. It holds secrets: 0600, and gone with the site. */
export async function writeBareProgram(workspace: Workspace): Promise<void> {
  const exported = await pulumi(workspace, "runners", ["stack", "export", "--show-secrets", "--stack", "crunchy"]);
  const { deployment } = JSON.parse(exported.stdout) as { deployment: { resources: ExportedResource[] } };
  const folder = join(workspace.directory, bareProject);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writePrivately(join(folder, "index.ts"), bareProgram(deployment.resources));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ type: "module", main: "index.ts" })}\n`);
  // The same options as the project's own, the refresh among them; its stack file lies beside it. Nothing bundles it.
  const project = readFileSync(join(workspace.directory, "runners", "Pulumi.yaml"), "utf8")
    .replace(/^stackConfigDir:.*\n/m, "")
    .replace(/^main:.*$/m, "main: index.ts")
    .replace(/^( *)typescript: false$/m, '$&\n$1nodeargs: "--import tsx/esm"');
  writeFileSync(join(folder, "Pulumi.yaml"), project);
  copyFileSync(
    join(workspace.directory, "stacks", "runners", "Pulumi.crunchy.yaml"),
    join(folder, "Pulumi.crunchy.yaml"),
  );
  await preview(workspace, bareProject);
}

/**
 * Previews the runner stack with the program in `project`.
 * @returns seconds.
 * @throws when something would change: it is not the same stack then, and nothing can be compared.
 */
export async function preview(workspace: Workspace, project: string, ...options: string[]): Promise<number> {
  const began = performance.now();
  const result = await pulumi(
    workspace,
    project,
    ["preview", "--stack", "crunchy", "--expect-no-changes", ...options],
    { check: false },
  );
  const seconds = (performance.now() - began) / 1000;
  if (result.exitCode !== 0)
    throw new Failure(`the preview of the program in ${project} is not clean:\n${result.stdout}\n${result.stderr}`);
  return seconds;
}

/** Pushes a workflow and waits until its job is green on the only runner. */
export async function greenJob(forge: ForgeClient, repository: string): Promise<ForgeJob> {
  const before = new Set((await forge.jobs(repository)).map(({ id }) => id));
  const text = `# ${before.size}\non: [push]\njobs:\n  one:\n    runs-on: fenced\n    steps:\n      - run: uname -r\n`;
  await forge.putFile(repository, ".forgejo/workflows/one.yml", text);
  const wait = { what: "a green job", boundMs: 120_000, everyMs: 250, lookAt: "the forge's log" };
  return until(wait, async () => {
    const job = (await forge.jobs(repository)).find(({ id, conclusion }) => conclusion && !before.has(id));
    if (job && job.conclusion !== "success") throw new Failure(`job ${job.id} ended with ${job.conclusion}`);
    return job;
  });
}
