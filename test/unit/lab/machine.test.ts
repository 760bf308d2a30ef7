/**
 * What the lab decides about the machine that it stands on, without standing on it.
 */
import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { cgroupMount } from "../../../lab/cgroups.ts";
import { recipeDigest } from "../../../lab/images/images.ts";
import { layoutOf, macOf, network, parts } from "../../../lab/layout.ts";
import { missingPrerequisites } from "../../../lab/prerequisites.ts";
import { identify, insideCgroup, isAlive } from "../../../lab/processes.ts";
import { until } from "../../../lab/wait.ts";

describe("cgroupMount", () => {
  it("finds cgroup v2 where systemd mounts it, and below it on a hybrid machine", () => {
    expect(cgroupMount("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n")).toBe("/sys/fs/cgroup");
    const hybrid =
      "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
    expect(cgroupMount(hybrid)).toBe("/sys/fs/cgroup/unified");
  });

  it("takes none that cannot be written, as in a plain container", () => {
    expect(cgroupMount("cgroup /sys/fs/cgroup cgroup2 ro,nosuid 0 0\n")).toBeUndefined();
    expect(cgroupMount("proc /proc proc rw 0 0\n")).toBeUndefined();
  });
});

describe("a process's identity", () => {
  it("is its own, and that of no later process with the same id", () => {
    const own = identify(process.pid);
    expect(own).toBeDefined();
    expect(isAlive(own)).toBe(true);
    expect(isAlive(own && { ...own, startTicks: "1" })).toBe(false);
    expect(isAlive(own && { ...own, bootId: "another boot" })).toBe(false);
  });

  it("is gone with the process, even before its parent has noticed", async () => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    const identity = identify(child.pid ?? 0);
    expect(isAlive(identity)).toBe(true);
    child.kill("SIGKILL");
    await until({ what: "the child's end", boundMs: 5_000, lookAt: "ps" }, () => !isAlive(identity));
    expect(isAlive(undefined)).toBe(false);
  });

  it("is in its cgroup before it does anything", () => {
    const [shell, args] = insideCgroup("/cg/holdfast-x/ws", "ip", ["a b", "$c"]);
    expect([shell, ...args]).toEqual([
      "/bin/sh",
      "-c",
      'echo 0 >"$0" && exec "$@"',
      "/cg/holdfast-x/ws/cgroup.procs",
      "ip",
      "a b",
      "$c",
    ]);
  });
});

describe("a site's layout", () => {
  it("keeps sites apart by name, and interface names within 15 characters", () => {
    expect(layoutOf("lab").netns("ws")).toBe("hf-lab-ws");
    expect(layoutOf("test").directory).not.toBe(layoutOf("lab").directory);
    for (const part of parts) expect(`p-${part}`.length).toBeLessThanOrEqual(15);
  });

  it("gives every part a MAC address of its own, always the same", () => {
    expect(new Set(parts.map(macOf)).size).toBe(parts.length);
    expect(macOf("lan")).toBe("02:48:46:00:00:01");
  });

  it.each(["", "Lab", "1st", "../etc", "a".repeat(13), "a b"])("refuses the name %j", (name) => {
    expect(() => layoutOf(name)).toThrow(/cannot name a lab site/);
  });

  it("has its fixed addresses outside of the range that DHCP gives away", () => {
    const last = (address: string) => Number(address.split(".")[3]);
    const fixed = [network.gateway, network.workstation, network.forge, ...Object.values(network.hosts)].map(last);
    expect(fixed.filter((n) => n >= last(network.dhcp.from) && n <= last(network.dhcp.to))).toEqual([]);
    expect(new Set(fixed).size).toBe(fixed.length);
  });
});

describe("missingPrerequisites", () => {
  it("names the package of a tool that is not there", () => {
    expect(missingPrerequisites((tool) => tool !== "qemu-img")).toContain("package qemu-utils");
    expect(missingPrerequisites(() => true).join()).not.toMatch(/package/);
  });
});

describe("an image's recipe", () => {
  it("names its product by what makes it", () => {
    expect(recipeDigest("host")).toMatch(/^[0-9a-f]{16}$/);
    expect(recipeDigest("host")).not.toBe(recipeDigest("guest"));
  });
});

describe("until", () => {
  it("says what did not come, within what, and where to look", async () => {
    const wait = { what: "the answer", boundMs: 20, everyMs: 5, lookAt: "the log" };
    await expect(until(wait, () => undefined)).rejects.toThrow(
      "the answer did not come within 0.02 s.\n  next: look at the log",
    );
  });

  it("does not wait out an error", async () => {
    const wait = { what: "x", boundMs: 60_000, lookAt: "y" };
    await expect(until(wait, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  });
});
