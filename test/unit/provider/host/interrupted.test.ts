/**
 * Removing the domain that a cut-off update left: which ones are asked for, and the script in a real shell with a `virsh` of the
 * test's own. That a real libvirt does so is faults.test.ts's to show.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { removalCommand, unrecordedDomains } from "../../../../provider/host/interrupted.ts";
import { wanted } from "../../../fixtures/preflight.fixture.ts";

const [vm] = wanted().vms;
const [domain = "", root = ""] = [vm?.domain, `images/${vm?.volumes.root}`];

test.each([
  ["its disk is in the state, and it is not", [root], [], [domain]],
  ["both are in the state", [root], [domain], []],
  ["the state has nothing of it: it may have been lost, and the machine may serve", [], [], []],
  ["the state's domains cannot be read", [root], undefined, []],
  ["the state has a disk of that name in another pool", [root.replace("images", "other")], [], []],
])("%s", (_, recordedVolumes, recordedDomains, expected) => {
  expect(unrecordedDomains(wanted({ recordedVolumes, recordedDomains }))).toEqual(expected);
});

test("removes what is there and carries our mark, and nothing else", async () => {
  const root = mkdtempSync(join(tmpdir(), "holdfast-virsh-"));
  const calls = join(root, "calls");
  const marks = { ours: "home.runners.a", theirs: "home.runners.b", prefix: "home.runners.abc" };
  const cases = Object.entries(marks).map(
    ([name, mark]) => `"dumpxml --inactive ${name}") echo '<description>Made by holdfast for ${mark}</description>' ;;`,
  );
  const virsh = `#!/bin/sh\ncase "$*" in ${cases.join("\n")} dumpxml*) exit 1 ;; *) echo "$*" >>${calls} ;; esac\n`;
  writeFileSync(join(root, "virsh"), virsh, { mode: 0o755 });
  const script = removalCommand(["absent", "theirs", "prefix", "ours"], "home.runners.a");
  const { stdout } = await execa("sh", ["-c", script], { env: { PATH: `${root}:${process.env.PATH}` }, reject: false });
  expect(stdout).toBe("ours");
  expect(readFileSync(calls, "utf8")).toBe("destroy ours\nundefine --managed-save ours\n");
});
