/**
 * The runner's labels under the real engine: proves that changing them never registers anew, and that an image that is
 * configured by its tag is looked up once. Labels reach the runner's daemon as its configuration, and the daemon's Declare puts
 * their names into the row that it has. VM and forge are stand-ins; the test does the daemon's part with what was delivered.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labelName } from "../../lib/runner-labels.ts";
import { keyPair, operatorHome, type Received, sshHost } from "../fixtures/ssh-host.fixture.ts";
import { Engine } from "./engine.ts";
import { FakeForge } from "./fake-forge.ts";

const project = "test/engine/programs/labels";

describe("labels", () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = await Engine.open();
  });

  afterAll(() => engine.close());

  /**
   * A VM on which every command succeeds, and whose runner is accepted at once, and a hypervisor that keeps nothing. `images` is
   * what its docker pulls.
   */
  async function acceptingVm(images: Record<string, string> = {}) {
    operatorHome();
    const first = keyPair();
    const machine = {
      address: "127.0.0.15",
      answer: (command: string) => {
        if (command.includes("RepoDigests")) {
          const known = Object.entries(images).map(([name, digest]) => `${name}@sha256:${digest}\n`);
          return { stdout: known.join("") };
        }
        return command.includes("docker logs") ? { stdout: "declared successfully" } : {};
      },
    };
    let server = await sshHost({ ...machine, hostKey: first });
    const { port } = server;
    await sshHost({ port });
    const earlier: Received[] = [];
    const received = () => [...earlier, ...server.received];
    /** What sshd does with the key that the VM got in the place of its first one. */
    const takeOwnKey = async () => {
      earlier.push(...server.received);
      await server.stop();
      server = await sshHost({ ...machine, port, hostKey: { private: privateKeyIn(earlier) } });
    };
    return { config: { port: String(port), hostKey: first.public }, received, takeOwnKey };
  }

  const versions = ["1.26.0", "15.0.1+gitea-1.22.0"];
  it.each(versions)("change in the row that is there, by the daemon's own declaration (%s)", async (version) => {
    const vm = await acceptingVm();
    const forge = new FakeForge({ version });
    const url = await forge.start();
    try {
      const stack = `s${versions.indexOf(version)}`;
      const config = { url, ...vm.config, labels: "fenced" };
      await engine.init(project, stack, config, { token: forge.apiToken });
      const run = (...args: string[]) => engine.must(project, ...args, "--stack", stack);
      const up = () => run("up", "--yes", "--skip-preview");

      await up();
      await startDaemon(url, delivered(vm.received()));
      await vm.takeOwnKey();
      const before = { ...forge.rows[0] };
      expect(before.labels).toEqual(["fenced"]);

      const writes = forge.requests.filter((request) => !request.startsWith("GET")).length;
      engine.configure(project, stack, { "labels:labels": "fenced,heavy:host" });
      const preview = await run("preview");
      expect(preview).toMatch(/runner-service\s+update/);
      expect(preview).not.toMatch(/runner-registration\s+(create|update|replace|delete)/);
      await up();
      expect(forge.requests.filter((request) => !request.startsWith("GET"))).toHaveLength(writes);

      await startDaemon(url, delivered(vm.received()));
      expect(forge.rows).toEqual([{ ...before, labels: ["fenced", "heavy"] }]);
      await run("preview", "--expect-no-changes");
    } finally {
      forge.close();
    }
  });

  it("go with the image that a tag meant at the first up, until another one is configured", async () => {
    const name = "forge.example.org/job";
    const images = { [name]: "a".repeat(64) };
    const vm = await acceptingVm(images);
    const forge = new FakeForge({ version: "15.0.1+gitea-1.22.0" });
    const url = await forge.start();
    const pulls = () => vm.received().filter(({ command }) => command.includes("docker pull")).length;
    const labels = () => delivered(vm.received()).labels;
    try {
      const config = { url, ...vm.config, labels: "fenced", jobImage: `${name}:1` };
      await engine.init(project, "tags", config, { token: forge.apiToken });
      const run = (...args: string[]) => engine.must(project, ...args, "--stack", "tags");
      const up = () => run("up", "--yes", "--skip-preview");
      await up();
      await vm.takeOwnKey();
      expect(labels()).toEqual([`fenced:docker://${name}@sha256:${"a".repeat(64)}`]);
      expect(pulls()).toBe(1);

      // The registry has another image by that tag now; nobody here asks it.
      images[name] = "b".repeat(64);
      await run("preview", "--expect-no-changes");
      await run("refresh", "--yes", "--skip-preview", "--expect-no-changes");
      engine.configure(project, "tags", { "labels:labels": "fenced,heavy" });
      await up();
      expect(labels()).toEqual(
        ["fenced", "heavy"].map((label) => `${label}:docker://${name}@sha256:${"a".repeat(64)}`),
      );
      expect(pulls()).toBe(1);

      engine.configure(project, "tags", { "labels:jobImage": `${name}:2` });
      expect(await run("preview")).toMatch(/runner-service\s+update/);
      expect(pulls()).toBe(1);
      await up();
      expect(labels()[0]).toBe(`fenced:docker://${name}@sha256:${"b".repeat(64)}`);
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

/** The host key that the VM was given. */
function privateKeyIn(received: { stdin: string }[]): string {
  const key = /-----BEGIN OPENSSH PRIVATE KEY-----[\s\S]*?-----END OPENSSH PRIVATE KEY-----\n/;
  return received.flatMap(({ stdin }) => key.exec(stdin)?.[0] ?? []).at(-1) ?? "";
}

/** What a daemon says when it starts. */
async function startDaemon(url: string, { uuid, token, labels }: ReturnType<typeof delivered>): Promise<void> {
  const answer = await fetch(`${url}/api/actions/runner.v1.RunnerService/Declare`, {
    method: "POST",
    headers: { "x-runner-uuid": uuid, "x-runner-token": token },
    body: JSON.stringify({ version: "12.0.0", labels: labels.map(labelName) }),
  });
  expect(answer.status).toBe(200);
}
