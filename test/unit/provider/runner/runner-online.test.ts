/**
 * When a runner is taken to be online: its daemon has said that the forge accepted it, and lives on. Against a VM that
 * answers as told, and what real daemons were recorded to log. Not proven here: a real daemon (the lab ring has a stand-in).
 */
import { describe, expect, test } from "vitest";
import { online } from "../../../../provider/runner/online.ts";

const plan = { start: "start", stopSeconds: 1, log: "log", alive: "alive" };
const declared = "runner: r, with version: v12.8.2, with labels: [fenced], declared successfully";
const runner = { forgeUrl: "https://forge.example.org" };

/** A VM whose daemon has logged this at each look, and is alive or not. */
function vmWith(logs: string[], alive: boolean) {
  let looks = 0;
  const asked: string[] = [];
  const run = async (command: string) => {
    asked.push(command);
    const stdout = command.endsWith("log") ? (logs[Math.min(looks++, logs.length - 1)] ?? "") : "";
    return { code: command === "alive" && !alive ? 1 : 0, stdout, stderr: "" };
  };
  return { asked, run, must: async (command: string) => (await run(command)).stdout };
}

const signal = new AbortController().signal;

describe.concurrent("a daemon", () => {
  test("that declared itself and lives is online", async () => {
    const vm = vmWith(["starting", declared], true);
    await online(vm, runner, plan, { signal });
    expect(vm.asked).toContain("alive");
  });

  test("that declared itself and ended is not, as one that is registered for one job", async () => {
    const ephemeral = `${declared}\nError: ephemeral runner, use one-job`;
    await expect(online(vmWith([ephemeral], false), runner, plan, { signal })).rejects.toThrow(
      /the forge accepted it, and it ended.*registration for one job[\s\S]*ephemeral runner, use one-job$/,
    );
  });

  test("that is started again and again is alive at each look, and not online", async () => {
    const vm = vmWith([declared, `${declared}\n${declared}\n${declared}`], true);
    await expect(online(vm, runner, plan, { signal })).rejects.toThrow("it ended, 3 times so far");
  });
});
