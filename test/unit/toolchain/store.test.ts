import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Component, Outcome, Way } from "../../../toolchain/component.ts";
import { ensureMade } from "../../../toolchain/store.ts";

let cache: string;
let builds: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "holdfast-store-"));
  builds = join(cache, "builds");
  vi.stubEnv("HOLDFAST_CACHE", cache);
});
afterEach(() => vi.unstubAllEnvs());

/** The component of toolchain-maker.fixture.ts, so that both mean the same directory. */
function example(...ways: Way[]): Component {
  return { name: "example", version: "1.0.0", recipe: {}, sources: [], binaries: ["tool"], ways };
}

function way(name: string, make: (directory: string) => Outcome | Promise<Outcome>): Way {
  return { name, make: async (directory) => make(directory) };
}

const builder = () =>
  vi.fn((directory: string): Outcome => {
    writeFileSync(join(directory, "tool"), "whole");
    return { made: true, detail: "carefully" };
  });

/** A second process, and what it prints. */
function maker(): { process: ChildProcessWithoutNullStreams; output: (text: string) => Promise<void> } {
  const script = fileURLToPath(new URL("../../fixtures/toolchain-maker.fixture.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, builds], { env: { ...process.env, CI: "true" } });
  let output = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
      for (const listener of listeners) listener();
    });
  }
  return {
    process: child,
    output: (text) =>
      new Promise((resolve, reject) => {
        const look = () => output.includes(text) && resolve();
        listeners.add(look);
        child.once("close", () => reject(new Error(`it never said "${text}", only:\n${output}`)));
        look();
      }),
  };
}

test("the first way that works is taken, and the refused ones are passed", async () => {
  const never = vi.fn();
  const made = await ensureMade(
    example(
      way("found", () => ({ made: false, why: "absent" })),
      way("built", builder()),
      way("never", never),
    ),
  );
  expect(made).toMatchObject({ way: "built", detail: "carefully" });
  expect(readFileSync(join(made.directory, "tool"), "utf8")).toBe("whole");
  expect(never).not.toHaveBeenCalled();
});

test("when every way is refused, each reason is said and nothing stays behind", async () => {
  const refused = example(
    way("found", () => ({ made: false, why: "absent" })),
    way("built", () => ({ made: true })),
  );
  await expect(ensureMade(refused)).rejects.toThrow("found: absent; built: it contains no tool");
  expect(readdirSync(join(cache, "toolchain/example"))).toEqual([]);
});

test("what turns out to be another version is refused", async () => {
  const component = { ...example(way("built", builder())), verify: async () => "it says that it is 2.0.0" };
  await expect(ensureMade(component)).rejects.toThrow("it says that it is 2.0.0");
});

test("what is there is used without asking any way and without starting a process", async () => {
  const made = await ensureMade(example(way("built", builder())));
  vi.stubEnv("PATH", "");
  const never = vi.fn();
  const verify = vi.fn();
  expect(await ensureMade({ ...example(way("never", never)), verify })).toEqual(made);
  expect(never).not.toHaveBeenCalled();
  expect(verify).not.toHaveBeenCalled();
});

test("a file that was cut short afterwards is noticed and made again", async () => {
  const { directory } = await ensureMade(example(way("built", builder())));
  truncateSync(join(directory, "tool"), 2);
  const build = builder();
  await ensureMade(example(way("built", build)));
  expect(build).toHaveBeenCalledOnce();
  expect(readFileSync(join(directory, "tool"), "utf8")).toBe("whole");
});

test("an installed file that changes behind its link is noticed", async () => {
  const installed = join(cache, "installed");
  writeFileSync(installed, "v1");
  const link = vi.fn((directory: string): Outcome => {
    symlinkSync(installed, join(directory, "tool"));
    return { made: true };
  });
  await ensureMade(example(way("found", link)));
  utimesSync(installed, new Date(0), new Date(0));
  await ensureMade(example(way("found", link)));
  expect(link).toHaveBeenCalledTimes(2);
});

test("a directory without its record is not believed", async () => {
  const { directory } = await ensureMade(example(way("built", builder())));
  writeFileSync(join(directory, "made.json"), "{");
  const build = builder();
  await ensureMade(example(way("built", build)));
  expect(build).toHaveBeenCalledOnce();
});

test("two in one process at once build once", async () => {
  const build = builder();
  const both = await Promise.all([1, 2].map(() => ensureMade(example(way("built", build)))));
  expect(both[0]).toEqual(both[1]);
  expect(build).toHaveBeenCalledOnce();
});

test("two processes at once build once, and the second says that it waits", { timeout: 30_000 }, async () => {
  const first = maker();
  await first.output("making");
  const second = maker();
  await second.output("another process is at work");
  second.process.stdin.end();
  first.process.stdin.end();
  await Promise.all([first.output("made "), second.output("made ")]);
  expect(readFileSync(builds, "utf8")).toBe(`${first.process.pid}\n`);
});

test("a killed maker leaves nothing that is believed, and the next one sweeps up", { timeout: 30_000 }, async () => {
  const killed = maker();
  await killed.output("making");
  const home = join(cache, "toolchain/example");
  const [leftover = ""] = readdirSync(home);
  expect(readFileSync(join(home, leftover, "tool"), "utf8")).toBe("half");
  const gone = new Promise((resolve) => killed.process.once("close", resolve));
  killed.process.kill("SIGKILL");
  await gone;
  const lock = `${home}.lock`;
  expect(statSync(lock).isDirectory()).toBe(true);
  utimesSync(lock, new Date(0), new Date(0)); // What a minute without a sign of life looks like.

  const { directory } = await ensureMade(example(way("built", builder())));
  expect(readFileSync(join(directory, "tool"), "utf8")).toBe("whole");
  expect(existsSync(join(home, leftover))).toBe(false);
  expect(readdirSync(home)).toHaveLength(1);
});

test("a component that a release brings along is used where it lies, and nothing is made; one that does not fit is made", async () => {
  const build = builder();
  const component = example(way("built", build));
  const { directory } = await ensureMade(component);
  const release = join(mkdtempSync(join(tmpdir(), "holdfast-release-")), "toolchain");
  // As a release has it: whole seconds, and a record that says them.
  cpSync(join(cache, "toolchain"), release, { recursive: true });
  const there = directory.replace(join(cache, "toolchain"), release);
  const time = new Date("2020-01-01T00:00:00Z");
  utimesSync(join(there, "tool"), time, time);
  const files = [{ path: "tool", size: "whole".length, modified: time.getTime() }];
  writeFileSync(join(there, "made.json"), JSON.stringify({ way: "part of a release", detail: "", seconds: 0, files }));
  vi.stubEnv("HOLDFAST_TOOLCHAIN", release);
  vi.stubEnv("HOLDFAST_CACHE", join(cache, "another"));
  const brought = await ensureMade(component);
  expect(brought.directory).toBe(there);
  expect(build).toHaveBeenCalledTimes(1);
  truncateSync(join(brought.directory, "tool"), 1);
  expect((await ensureMade(component)).directory).toContain(join(cache, "another"));
  expect(build).toHaveBeenCalledTimes(2);
});
