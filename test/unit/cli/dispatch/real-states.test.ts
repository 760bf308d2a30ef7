/**
 * States that the real engine and providers wrote, as if a runner had brought them home to a stack that had none: nothing of them is
 * refused, as long as their hosts are those that the configuration names. One that names none of them is.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stateProblems, wordsOf } from "../../../../cli/dispatch/home/checkpoint.ts";
import { projectPackages, projectPlugins } from "../../../../cli/dispatch/home/plugins.ts";

const recordings = join(import.meta.dirname, "../../..");

test.each([
  ["template-image", "dev", "engine/recorded/pool/template-image.json", "https://pve1.example.org:8006"],
  ["platform-vm", "dev-apps", "engine/recorded/pool/platform-vm.json", "https://pve1.example.org:8006"],
  ["runners", "crunchy", "lab/recorded/release-0.1/runners.json", "198.51.100.10 http://forge.lab:3000"],
])("%s/%s", (project, stack, file, hosts) => {
  const { deployment } = JSON.parse(readFileSync(join(recordings, file), "utf8"));
  const checkpoint = { stack: `organization/${project}/${stack}`, latest: deployment };
  const expected = {
    ...{ project, stack, sent: undefined, secretsProviders: [deployment.secrets_providers] },
    ...{ packages: projectPackages(project), plugins: projectPlugins(project) },
  };
  const text = JSON.stringify({ version: 3, checkpoint });
  expect(stateProblems(text, { ...expected, given: wordsOf(hosts) })).toEqual([]);
  expect(stateProblems(text, { ...expected, given: new Set() })).toContainEqual(
    expect.stringContaining("which nothing here names"),
  );
});
