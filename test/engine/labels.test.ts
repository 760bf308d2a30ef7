/**
 * The runner's labels under the real engine: proves that changing them never registers anew. They reach the runner's daemon
 * as its configuration, and the daemon's Declare puts them into the row that it has. VM and forge are stand-ins; the test
 * does the daemon's part with what was delivered.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyPair, operatorHome, sshHost } from "../unit/ssh-host.fixture.ts";
import { Engine } from "./engine.ts";
import { FakeForge } from "./fake-forge.ts";

const project = "test/engine/programs/labels";

describe("labels", () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = await Engine.open();
  });

  afterAll(() => engine.close());

  const versions = ["1.26.0", "15.0.1+gitea-1.22.0"];
  it.each(versions)("change in the row that is there, by the daemon's own declaration (%s)", async (version) => {
    operatorHome();
    // A VM on which every command succeeds, and whose runner is accepted at once.
    const hostKey = keyPair();
    const vm = await sshHost({
      hostKey,
      answer: (command) => {
        if (command.includes("ssh_host_ed25519_key.pub")) return { stdout: `${hostKey.public}\n` };
        return command.includes("docker logs") ? { stdout: "declared successfully" } : {};
      },
    });
    const forge = new FakeForge({ version });
    const url = await forge.start();
    try {
      const stack = `s${versions.indexOf(version)}`;
      const config = { url, port: String(vm.port), labels: "fenced" };
      await engine.init(project, stack, config, { token: forge.apiToken });
      const run = (...args: string[]) => engine.must(project, ...args, "--stack", stack);
      const up = () => run("up", "--yes", "--skip-preview");

      await up();
      await startDaemon(url, delivered(vm.received));
      const before = { ...forge.rows[0] };
      expect(before.labels).toEqual(["fenced"]);

      const writes = forge.requests.filter((request) => !request.startsWith("GET")).length;
      engine.configure(project, stack, { "labels:labels": "fenced,heavy:host" });
      const preview = await run("preview");
      expect(preview).toMatch(/runner-service\s+update/);
      expect(preview).not.toMatch(/runner-registration\s+(create|update|replace|delete)/);
      await up();
      expect(forge.requests.filter((request) => !request.startsWith("GET"))).toHaveLength(writes);

      await startDaemon(url, delivered(vm.received));
      expect(forge.rows).toEqual([{ ...before, labels: ["fenced", "heavy:host"] }]);
      await run("preview", "--expect-no-changes");
    } finally {
      forge.close();
    }
  });
});

/** The registration file that was last put onto the VM, among what travelled with it. */
function delivered(received: { stdin: string }[]) {
  const files = received.flatMap(({ stdin }) => /^\{$[\s\S]*?"uuid"[\s\S]*?^\}$/m.exec(stdin)?.[0] ?? []);
  return JSON.parse(files.at(-1) ?? "{}") as { uuid: string; token: string; labels: string[] };
}

/** What a daemon says when it starts. */
async function startDaemon(url: string, { uuid, token, labels }: ReturnType<typeof delivered>): Promise<void> {
  const answer = await fetch(`${url}/api/actions/runner.v1.RunnerService/Declare`, {
    method: "POST",
    headers: { "x-runner-uuid": uuid, "x-runner-token": token },
    body: JSON.stringify({ version: "12.0.0", labels }),
  });
  expect(answer.status).toBe(200);
}
