/**
 * What breaks inside the plugin where nobody catches it: the call it belongs to fails with words, those beside it go on, and the
 * process lives. Where nobody knows whose it was, the others still end well before the process does. A real process, over gRPC.
 *
 * Not proven here: what the engine makes of it (the engine ring does).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { Calls } from "../../../provider/calls.ts";
import { engineOn, secret } from "../../fixtures/provider-client.fixture.ts";
import { toyType } from "../../fixtures/provider-toys.fixture.ts";

interface Plugin extends ReturnType<typeof engineOn> {
  process: ChildProcess;
  output(): string;
}

async function plugin(): Promise<Plugin> {
  const file = join(import.meta.dirname, "../../fixtures/provider-calls.fixture.ts");
  const child = spawn(process.execPath, ["--import", "tsx", file], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const [port] = (await once(createInterface(child.stdout), "line")) as [string];
  const engine = engineOn(Number(port));
  await engine.configure({ forgeToken: secret("planted-secret") });
  return { ...engine, process: child, output: () => stderr };
}

const create = (engine: Plugin, name: string, size = 1) => engine.create(toyType, { name, size });
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: Error) => error.message,
  );

test.each([
  [
    "event",
    /create of it broke off inside the plugin holdfast: a fault in an event, with \[secret\] in it\. What it had/,
  ],
  ["rejection", /create of it broke off inside the plugin holdfast: Invalid string length\. .*run the command again/],
])("a create with a fault in an %s fails; the one beside it and the next one are made", async (name, words) => {
  const engine = await plugin();
  const beside = create(engine, "slow", 300);
  expect(await refusal(create(engine, name))).toMatch(words);
  expect((await beside).getId()).toBe("1");
  expect((await create(engine, "next")).getId()).toBe("1");
  expect(engine.process.exitCode).toBeNull();
  expect(engine.output()).not.toContain("planted-secret");
  expect(engine.output()).toContain("provider-calls.fixture.ts");
});

test("after a fault of nobody's the running calls end well, and no new one begins", async () => {
  const engine = await plugin();
  const beside = create(engine, "slow", 1_500);
  const broken = refusal(create(engine, "nobody"));
  await expect
    .poll(engine.output, { timeout: 10_000 })
    .toContain("something in the plugin holdfast broke: a fault of nobody");
  expect(await refusal(create(engine, "next"))).toMatch(
    /is ending, something in it broke: a fault of nobody; run the command/,
  );
  expect((await beside).getId()).toBe("1");
  engine.process.kill("SIGKILL");
  expect(await broken).not.toBe("done");
});

test("calls that do not end by themselves have their answer before the process ends", async () => {
  const calls = new Calls();
  const output: string[] = [];
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const emergency = { hide: (text: string) => text, say: (text: string) => output.push(text), end };
  const hangs = calls.answer("create of vm", () => new Promise(() => {}));
  calls.broke(new Error("boom"), emergency, 100);
  await expect(hangs).rejects.toThrow("create of vm broke off inside the plugin holdfast: boom");
  await ended;
  expect(output).toEqual(["something in the plugin holdfast broke: boom; please report it"]);
  await expect(calls.answer("create of next", () => 1)).rejects.toThrow("is ending");
});
