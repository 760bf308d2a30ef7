/**
 * Images on a runner's VM: what is there by digest is not pulled, a tag is pulled and looked up, and what cannot be had is said
 * with the key that names it. The VM is an SSH stand-in that answers from a table. Also: a state of an earlier release is brought up to
 * date in place, never by another VM.
 *
 * Not proven here: docker and a registry (the lab ring has both).
 */
import { expect, test } from "vitest";
import type { PlannedImage } from "../../../../components/runner/plan.ts";
import { connect } from "../../../../lib/ssh/connection.ts";
import { difference } from "../../../../provider/diff.ts";
import { runnerService } from "../../../../provider/runner/service.ts";
import { ensureImage } from "../../../../provider/runner/vm-images.ts";
import { type Answer, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const digest = `sha256:${"a".repeat(64)}`;

function planned(image: string): PlannedImage {
  return { reference: image, image, key: "runner.jobImage", present: `present ${image}`, pull: `pull ${image}` };
}

/** What became of an image on a VM whose commands are answered like this, and which commands those were. */
async function ensured(image: string, answer: (command: string) => Answer) {
  operatorHome();
  const server = await sshHost({ answer });
  const target = { host: server.host, port: server.port, user: "root", stack: "runners/crunchy" };
  const vm = await connect(target, { attempts: 1, pauseMs: 0, attemptMs: 5_000 });
  try {
    const found = await ensureImage(vm, planned(image), () => {}).catch((error: Error) => error.message);
    return { found, commands: server.received.map(({ command }) => command.split(" ")[0]) };
  } finally {
    vm.close();
  }
}

test("an image that is there by its digest is not pulled", async () => {
  const image = `node@${digest}`;
  expect(await ensured(image, () => ({}))).toEqual({ found: image, commands: ["present"] });
});

test("an image that is not there is pulled", async () => {
  const image = `node:22@${digest}`;
  const answer = (command: string): Answer => (command.startsWith("present") ? { code: 1 } : {});
  expect(await ensured(image, answer)).toEqual({ found: image, commands: ["present", "pull"] });
});

test("a tag is pulled, though an image by that tag may be there, and becomes the digest of its own repository", async () => {
  const answer = (command: string): Answer => ({
    stdout: command.startsWith("docker image inspect")
      ? `mirror.example.org/node@sha256:${"b".repeat(64)}\nnode@${digest}\n`
      : "",
  });
  const { found, commands } = await ensured("node:22", answer);
  expect(found).toBe(`node@${digest}`);
  expect(commands).toEqual(["pull", "docker"]);
});

test("what cannot be pulled, and what has no digest, is said with the key that names it", async () => {
  const failing = await ensured("node:22", () => ({ code: 1, stderr: "no such host" }));
  expect(failing.found).toMatch(
    /^node:22 could not be pulled: .*no such host[\s\S]*docker pull node:22[\s\S]*runner\.jobImage/,
  );
  const nameless = await ensured("node:22", () => ({ stdout: "\n" }));
  expect(nameless.found).toMatch(
    /^docker does not say by which digest it has node:22: set runner\.jobImage to name@sha256/,
  );
});

test("a state of an earlier release is updated in place: another image, labels with their places, the same VM and registration", () => {
  const old = {
    vmId: "vm-1",
    uuid: "0b1e",
    labels: ["fenced"],
    execution: { kind: "container", image: `data.forgejo.org/forgejo/runner:6.3.1@${digest}` },
  };
  const now = {
    ...old,
    jobImage: `node:24@${digest}`,
    execution: { kind: "container", image: `data.forgejo.org/forgejo/runner:12.13.2@${digest}` },
  };
  expect(difference(old, now, runnerService.replaceOn)).toEqual({ changed: ["execution", "jobImage"], replaces: [] });
});
