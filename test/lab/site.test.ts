/**
 * The lab itself, on real parts: proves that a site stands, that nothing leaves it, that it heals, and that nothing of
 * it is left. Needs root; what a machine lacks is said and the tests are skipped.
 */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubeRouter, liftKubeRouter } from "../../lab/faults.ts";
import { layoutOf } from "../../lab/layout.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { type Site, siteDown, siteStatus, siteUp } from "../../lab/site.ts";
import { until } from "../../lab/wait.ts";
import { traces } from "./traces.ts";

const missing = missingPrerequisites().filter((item) => !item.startsWith("package "));
if (missing.length > 0) console.warn(`lab tests are skipped. This machine lacks: ${missing.join(", ")}`);

/** The names of the interfaces in the machine's own network. */
async function interfaces(): Promise<string[]> {
  const { stdout } = await execa("ip", ["-json", "link", "show"]);
  return (JSON.parse(stdout) as { ifname: string }[]).map((link) => link.ifname).sort();
}

/** Which processes a site's parts are, by id and start time. */
function identities(site: Site): string[] {
  return ["lan/process.json", "forge/gitea.json", "forge/process.json", "crunchy/process.json"].map((file) =>
    readFileSync(`${site.directory}/${file}`, "utf8"),
  );
}

/** Runs a command on a server of the site as the product does: from the workstation, host key pinned. */
function ssh(site: Site, address: string, ...command: string[]) {
  const { sshKeyPath, knownHostsPath } = site.workstation;
  const options = [
    "-i",
    sshKeyPath,
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=yes",
    "-o",
    "ConnectTimeout=3",
  ];
  const pinned = ["-o", `UserKnownHostsFile=${knownHostsPath}`, "-o", "GlobalKnownHostsFile=/dev/null"];
  return site.workstation.run("ssh", [...options, ...pinned, `root@${address}`, ...command]);
}

describe.skipIf(missing.length > 0)("a site", { timeout: 120_000 }, () => {
  const name = "t-site";
  let site: Site;
  let before: string[];

  beforeAll(async () => {
    await siteDown(name);
    before = await interfaces();
    site = await siteUp({ name });
  }, 1_800_000);

  afterAll(() => siteDown(name), 60_000);

  it("has a host whose libvirt answers over SSH with the pinned host key", async () => {
    const { stdout } = await ssh(
      site,
      site.hosts.crunchy.address,
      "virsh -c qemu:///system pool-list --autostart --name",
    );
    expect(stdout.trim()).toBe("images");
    const networks = await site.hosts.crunchy.exec("virsh", ["-q", "net-list", "--all", "--name"]);
    expect(networks.stdout.trim()).toBe("");
  });

  it("has a host that libvirt's own client reaches", async () => {
    const uri = `qemu+ssh://root@${site.hosts.crunchy.address}/system?keyfile=${site.workstation.sshKeyPath}&no_verify=1`;
    const { stdout } = await site.workstation.run("virsh", ["-c", uri, "hostname"], { timeoutMs: 20_000 });
    expect(stdout.trim()).toBe("crunchy");
  });

  it("has a forge that answers by name from the workstation and from the host", async () => {
    const question = ["--silent", "--fail", "--max-time", "5", `${site.forge.url}/api/v1/version`];
    const answers = [await site.workstation.run("curl", question), await site.hosts.crunchy.exec("curl", question)];
    for (const answer of answers) expect(JSON.parse(answer.stdout)).toEqual({ version: "1.26.0" });
  });

  it("keeps secrets to itself", async () => {
    const mode = async (path: string) => (await execa("stat", ["-c", "%a", path])).stdout;
    expect(await mode(site.directory)).toBe("700");
    const secretFiles = [
      site.forge.tokenFile,
      site.forge.passwordFile,
      site.pulumi.passphraseFile,
      site.workstation.sshKeyPath,
    ];
    for (const file of secretFiles) expect(await mode(file)).toBe("600");
  });

  it("reaches nothing outside of itself", async () => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((a) => a && !a.internal && a.family === "IPv4")?.address;
    const server = await new Promise<Server>((resolve) => {
      const listening = createServer((socket) => socket.end()).listen(0, "0.0.0.0", () => resolve(listening));
    });
    const { port } = server.address() as { port: number };
    const probe = ["-c", `exec 3<>/dev/tcp/${outside ?? "127.0.0.1"}/${port}`];
    try {
      if (outside) expect((await execa("bash", probe)).exitCode, "the machine reaches itself").toBe(0);
      const began = performance.now();
      const tried = await site.workstation.run("bash", probe, { check: false, timeoutMs: 20_000 });
      expect(tried.exitCode).not.toBe(0);
      expect(performance.now() - began, "refused at once, not dropped").toBeLessThan(4_000);
    } finally {
      server.close();
    }
    expect(await interfaces()).toEqual(before);
  });

  it("is attached to, unchanged, when it stands", async () => {
    const deployed = identities(site);
    const began = performance.now();
    const again = await siteUp({ name });
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(identities(again)).toEqual(deployed);
    expect(await siteStatus(name)).toMatchObject({ state: "up" });
  });

  it("has the bridge fault: frames of a VM pass only with a rule of their own", async () => {
    const { crunchy } = site.hosts;
    // A network namespace on the host's bridge stands for a VM: bridged all the same, and there in no time.
    const vm = `ip netns add vm && ip link add tap0 type veth peer name eth0 netns vm && ip link set tap0 master br0 up &&
      ip -n vm addr add 198.51.100.50/24 dev eth0 && ip -n vm link set eth0 up`;
    await crunchy.exec("bash", ["-c", vm]);
    const reaches = async (address: string) =>
      (
        await crunchy.exec("ip", ["netns", "exec", "vm", "bash", "-c", `exec 3<>/dev/tcp/${address}`], {
          check: false,
          timeoutMs: 3_000,
        })
      ).exitCode === 0;
    const rule = ["FORWARD", "-m", "physdev", "--physdev-is-bridged", "-j", "ACCEPT"];
    const forge = `${site.forge.address}/3000`;
    expect(await reaches(forge), "as booted").toBe(false);
    await crunchy.exec("iptables", ["-I", ...rule]);
    expect(await reaches(forge), "with the rule").toBe(true);
    await kubeRouter(crunchy);
    expect(await reaches(forge), "after kube-router flushed it").toBe(false);
    await liftKubeRouter(crunchy);
    expect(await reaches(forge), "without the fault").toBe(true);
    expect(await execa("iptables", ["-S", "FORWARD"], { reject: false }).then((r) => r.stdout)).not.toMatch(/DROP/);
  });

  it("survives a power cut of its host: what ran is gone, what was written is there", async () => {
    const { crunchy } = site.hosts;
    const [lan, gitea, sshd] = identities(site);
    await crunchy.exec("bash", [
      "-c",
      "sync; echo kept >/var/lib/libvirt/images/mark; setsid sleep 3600 >/dev/null 2>&1 &",
    ]);
    await ssh(site, crunchy.address, "true"); // the workstation knows the host's MAC address from here on
    await crunchy.powerCut();
    expect(await siteStatus(name)).toMatchObject({
      state: "partial",
      parts: { crunchy: false, forge: true, lan: true, ws: true },
    });
    await expect(ssh(site, crunchy.address, "true")).rejects.toThrow(/failed/);
    await crunchy.boot();
    expect((await ssh(site, crunchy.address, "cat /var/lib/libvirt/images/mark; pgrep -c sleep || true")).stdout).toBe(
      "kept\n0",
    );
    expect(identities(site).slice(0, 3)).toEqual([lan, gitea, sshd]);
  });

  it("heals what died, and only that", async () => {
    const [lan, gitea, , crunchy] = identities(site);
    process.kill((JSON.parse(gitea ?? "{}") as { pid: number }).pid, "SIGKILL");
    await until(
      { what: "the forge's end", boundMs: 60_000, lookAt: "ps" },
      async () => (await siteStatus(name)).state === "partial",
    );
    const healed = identities(await siteUp({ name }));
    expect(healed[1]).not.toBe(gitea);
    expect([healed[0], healed[3]]).toEqual([lan, crunchy]);
  });

  it("stands beside another site, with the same addresses", async () => {
    const other = await siteUp({ name: "t-other" });
    try {
      expect(other.hosts.crunchy.hostKey).not.toBe(site.hosts.crunchy.hostKey);
      for (const one of [site, other])
        expect((await ssh(one, one.hosts.crunchy.address, "hostname")).stdout).toBe("crunchy");
      await siteDown("t-other");
      expect((await ssh(site, site.hosts.crunchy.address, "hostname")).stdout).toBe("crunchy");
      expect(await siteStatus(name)).toMatchObject({ state: "up" });
    } finally {
      await siteDown("t-other");
    }
    expect(traces("t-other")).toEqual([]);
  });

  it("leaves nothing when it goes down", async () => {
    expect(traces(name).length, "the search finds a standing site").toBeGreaterThan(10);
    await siteDown(name);
    expect(traces(name)).toEqual([]);
    expect(await interfaces()).toEqual(before);
    expect(await siteStatus(name)).toMatchObject({ state: "down" });
    await siteDown(name); // and again: nothing to do is no error
  });
});

describe.skipIf(missing.length > 0)("a site whose maker was killed", { timeout: 180_000 }, () => {
  const moments: Record<string, (name: string) => boolean> = {
    "t-kill-lan": (name) => existsSync(`/run/netns/hf-${name}-lan`),
    "t-kill-frg": (name) => existsSync(layoutOf(name).path("forge", "gitea.json")),
    "t-kill-hst": (name) => existsSync(layoutOf(name).path("crunchy", "process.json")),
  };
  const module = fileURLToPath(new URL("../../lab/site.ts", import.meta.url));

  afterAll(async () => {
    await Promise.all(Object.keys(moments).map((name) => siteDown(name)));
  }, 120_000);

  async function killedAt(name: string, moment: (name: string) => boolean): Promise<void> {
    const code = `const { siteUp } = await import(${JSON.stringify(module)}); await siteUp({ name: ${JSON.stringify(name)} });`;
    const maker = execa(process.execPath, ["--import", "tsx", "--input-type=module", "-e", code], {
      reject: false,
      stdin: "ignore",
    });
    const wait = {
      what: `the moment to kill the maker of ${name}`,
      boundMs: 60_000,
      everyMs: 1,
      lookAt: "the maker's output",
    };
    await until(wait, () => moment(name));
    maker.kill("SIGKILL");
    expect((await maker).signal).toBe("SIGKILL");
  }

  it("is healed by the next one, or taken down without a trace", async () => {
    for (const [name, moment] of Object.entries(moments)) {
      await siteDown(name);
      await killedAt(name, moment);
      expect(traces(name), name).not.toEqual([]);
    }
    const [healed, ...removed] = Object.keys(moments) as [string, ...string[]];
    await Promise.all([siteUp({ name: healed }), ...removed.map((name) => siteDown(name))]);
    expect(await siteStatus(healed)).toMatchObject({ state: "up" });
    for (const name of removed) expect(traces(name)).toEqual([]);
  });
});

describe.skipIf(missing.length > 0)("the machine", () => {
  it("keeps its own settings: a host of the site cannot change them", async () => {
    const site = await siteUp({ name: "t-set" });
    try {
      // The value that it has: should the test fail, nothing has changed.
      const write = 'value=$(cat /proc/sys/vm/swappiness) && echo "$value" >/proc/sys/vm/swappiness';
      const written = await site.hosts.crunchy.exec("sh", ["-c", write], { check: false });
      expect(written).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/Read-only file system/) });
      await site.hosts.crunchy.exec("sysctl", ["-q", "-w", "net.ipv4.ip_forward=1"]);
      const first = readlinkSync("/proc/self/ns/net");
      const own = await site.hosts.crunchy.exec("readlink", ["/proc/self/ns/net"]);
      expect(own.stdout).not.toBe(first);
    } finally {
      await siteDown("t-set");
    }
  }, 120_000);
});
