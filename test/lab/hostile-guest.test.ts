/**
 * Root in a runner's VM is not believed: not about where the VM is, and not about its host key. A real VM with the real guest
 * agent says that it is at the forge's address or at a neighbour's, shows the forge's key to its agent, and hands its SSH port
 * on to the forge's, which takes the operator's key. `up`, `preview` and `destroy` log in nowhere else, and say what they saw;
 * nobody is locked out by a run that was cut off, or by a key that a person looked at and confirmed.
 *
 * The forge's sshd is a real OpenSSH and writes down whom it lets in. One VM serves all tests, in their order. Not proven here:
 * what the same guest reaches on the LAN where it is not fenced (these jobs are not).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployFoundation, openSite, runnerConfiguration, runnerVm } from "../../lab/demo.ts";
import { ForgeClient } from "../../lab/forge-client.ts";
import { layoutOf, network } from "../../lab/layout.ts";
import { plugNeighbour } from "../../lab/neighbour.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { siteDown } from "../../lab/site.ts";
import { until } from "../../lab/wait.ts";
import { configureStack, deploy, pulumi, type Workspace } from "../../lab/workspace.ts";

const siteName = "t-guest";
const stack = "crunchy";
const neighbour = "198.51.100.50";
/** Port of the intruder's own sshd: the usual one leads elsewhere at times. */
const backDoor = "2222";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));

/** Hands port 22 on to the forge's, as a machine of the forge's own would not notice. */
const relay = `sysctl -q -w net.ipv4.ip_forward=1
iptables -P FORWARD ACCEPT 2>/dev/null || true
nft -f - <<'END'
table ip relay {
  chain in { type nat hook prerouting priority -100; tcp dport 22 dnat to ${network.forge}; }
  chain out { type nat hook postrouting priority 100; ip daddr ${network.forge} tcp dport 22 masquerade; }
}
END`;

describe.skipIf(missing.length > 0)("a hostile guest", () => {
  let workspace: Workspace;
  /** Address that DHCP gave the VM. */
  let address = "";

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    await deployFoundation(workspace);
    const token = readFileSync(workspace.site.forge.tokenFile, "utf8").trim();
    const { "vm.ipCidr": _static, ...configuration } = await runnerConfiguration(workspace.site);
    const values = { ...configuration, "runner.labels": "fenced:host", "runner.egress.policy": "open" };
    await configureStack(workspace, "runners", stack, values, { "forge.token": token });
    await deploy(workspace, "runners", stack);
    address = String(serviceIn(await exported()).address);
    await onVm("cp /etc/ssh/ssh_host_ed25519_key.pub /root/own.pub; /usr/sbin/sshd -p 2222", "22");
    const victim = { name: "victim", bridge: "br0", address: neighbour, mac: "52:54:00:00:00:50" };
    const machine = await plugNeighbour(siteName, "crunchy", victim);
    await machine.run("sh", ["-ec", relay]);
  });

  afterAll(() => siteDown(siteName));

  const runners = async (...args: string[]) => {
    const result = await pulumi(workspace, "runners", [...args, "--stack", stack], {
      check: false,
      timeoutMs: 600_000,
    });
    return { ...result, text: `${result.stdout}${result.stderr}`.replace(/\s+/g, " ") };
  };
  const up = () => runners("up", "--yes", "--skip-preview");
  const trust = (...args: string[]) =>
    workspace.site.workstation.run(
      "node",
      [join(workspace.directory, "cli/holdfast.js"), "trust", `runners/${stack}`, ...args],
      {
        env: workspace.env,
        cwd: workspace.directory,
        check: false,
      },
    );

  function onVm(script: string, port = backDoor) {
    const settings = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"];
    const login = ["-p", port, "-i", workspace.site.workstation.sshKeyPath, "-F", "none"];
    const options = settings.flatMap((setting) => ["-o", setting]);
    return workspace.site.workstation.run("ssh", [...login, ...options, `root@${address}`, script]);
  }

  interface Exported {
    deployment: { resources: { type: string; outputs?: Record<string, unknown> }[] };
  }

  async function exported(): Promise<Exported> {
    return JSON.parse((await pulumi(workspace, "runners", ["stack", "export", "--stack", stack])).stdout);
  }

  function serviceIn({ deployment }: Exported): Record<string, unknown> {
    return deployment.resources.find(({ type }) => type === "holdfast:runner:Service")?.outputs ?? {};
  }

  /** Logins that the forge's sshd has let in so far. */
  function letIn(): number {
    const log = readFileSync(layoutOf(siteName).path("forge", "console.log"), "utf8");
    return log.split("\n").filter((line) => /Accepted publickey/.test(line)).length;
  }

  /** What a job does that stops its runner and waits for somebody to mend that. */
  const stopRunner = "systemctl disable --quiet --now forgejo-runner";
  const showForgesKey = (key: string) => `echo '${key}' > /etc/ssh/ssh_host_ed25519_key.pub`;
  /** Among the addresses that the real agent reports, before the card's own. */
  const claim = (host: string) =>
    `sysctl -q -w net.ipv4.conf.all.arp_ignore=1; ip addr flush dev lo scope global; ip addr add ${host}/32 dev lo`;
  const unclaim = "ip addr flush dev lo scope global";

  it("has victims that would take the operator's login, straight and over the neighbour", async () => {
    for (const host of [network.forge, neighbour]) {
      const before = letIn();
      const login = ["-i", workspace.site.workstation.sshKeyPath, "-F", "none", "-o", "BatchMode=yes"];
      const trusting = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
      await workspace.site.workstation.run("ssh", [...login, ...trusting, `root@${host}`, "true"]);
      expect(letIn(), host).toBe(before + 1);
    }
  });

  it("goes on after an engine that was killed between the VM's new key and its state, from another workstation too", async () => {
    const state = await exported();
    expect(serviceIn(state).hostKey).toMatch(/^ssh-ed25519 /);
    const { hostKey } = serviceIn(state);
    delete serviceIn(state).hostKey;
    serviceIn(state).accepted = false;
    const file = join(workspace.site.directory, "cut-off.json");
    await workspace.site.workstation.run("sh", ["-c", `cat > ${file}`], { input: JSON.stringify(state) });
    await runners("stack", "import", "--file", file);
    await workspace.site.workstation.run("rm", ["-rf", `${workspace.env.HOME}/.config/holdfast/known_hosts`]);
    const healed = await up();
    expect(healed.exitCode, healed.stdout).toBe(0);
    expect(serviceIn(await exported()).hostKey).toBe(hostKey);
  });

  it("says that it is at the forge, with the forge's key: up refuses the address, whatever key is there", async () => {
    await onVm(`${stopRunner}; ${showForgesKey(workspace.site.forge.ssh.hostKey)}; ${claim(network.forge)}`);
    const before = letIn();
    const preview = await runners("preview", "--diff");
    expect(preview.text).toContain("the runner is not running");
    const refused = await up();
    expect(letIn(), "logins at the forge").toBe(before);
    expect(refused.exitCode).toBeGreaterThan(0);
    expect(refused.text).toContain(`${runnerVm.name} cannot be at ${network.forge} (its guest agent says so)`);
    expect(refused.text).toMatch(new RegExp(`${network.forge} is (the forge|the host of the forge)`));
  });

  it("says that it is at a machine that nobody knows, which has the forge's key: up refuses the key before it logs in", async () => {
    await onVm(claim(neighbour));
    const before = letIn();
    const refused = await up();
    expect(letIn(), "logins at the forge").toBe(before);
    expect(refused.exitCode).toBeGreaterThan(0);
    expect(refused.text).toContain(
      `${runnerVm.name} shows another host key (at that address because its guest agent says so)`,
    );
    expect(refused.text).toContain(`it answered with ${workspace.site.forge.ssh.hostKey}`);
    expect(refused.text).toContain(`npx holdfast trust runners/${stack}`);
  });

  it("hands its port on to the forge: preview and up refuse the key before they log in", async () => {
    await onVm(`${unclaim}; ${relay}`);
    const before = letIn();
    const preview = await runners("preview", "--diff");
    const refused = await up();
    expect(letIn(), "logins at the forge").toBe(before);
    expect(preview.text).toContain(`not observed: host key of ${address}:22 changed`);
    expect(refused.exitCode).toBeGreaterThan(0);
    expect(refused.text).toContain(`${runnerVm.name} shows another host key`);
    expect(serviceIn(await exported()).hostKey).not.toBe(workspace.site.forge.ssh.hostKey);
  });

  it("is shown by trust with both keys, logged in to by nobody, and recorded only by its fingerprint", async () => {
    const before = letIn();
    const shown = await trust();
    expect(shown.exitCode, shown.stdout + shown.stderr).toBe(1);
    expect(shown.stdout).toMatch(new RegExp(`✗ ${address} shows SHA256:\\S{43}, and has to show SHA256:\\S{43}`));
    expect((await trust("--confirm", "SHA256:none")).exitCode).toBe(2);
    expect(letIn(), "logins at the forge").toBe(before);
    // A person has a new key made on the VM, and has looked at it there.
    await onVm(
      `nft delete table ip relay; cd /etc/ssh; rm ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key; systemctl restart ssh`,
    );
    const refused = await up();
    expect(refused.text).toContain(`${runnerVm.name} shows another host key`);
    const [fingerprint = ""] =
      /SHA256:\S{43}/.exec((await onVm("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")).stdout) ?? [];
    const trusted = await trust("--confirm", fingerprint);
    expect(trusted.exitCode, trusted.stdout + trusted.stderr).toBe(0);
    const healed = await up();
    expect(healed.exitCode, healed.stdout).toBe(0);
    expect((await trust()).exitCode).toBe(0);
  });

  it("is destroyed with its registration, undrained, and the forge that it hands its port on to hears of nobody", async () => {
    await onVm(relay);
    const before = letIn();
    const destroyed = await runners("destroy", "--yes", "--skip-preview");
    expect(letIn(), "logins at the forge").toBe(before);
    expect(destroyed.exitCode, destroyed.stdout).toBe(0);
    expect(destroyed.text).toContain(`${runnerVm.name} was not drained: host key of ${address}:22 changed`);
    expect(await new ForgeClient(workspace.site).runners()).toEqual([]);
    const { hosts } = workspace.site;
    expect((await hosts.crunchy.exec("virsh", ["-q", "list", "--all", "--name"])).stdout.trim()).toBe("");
    const kept = "the host keys that it keeps";
    await until({ what: kept, boundMs: 5_000, lookAt: "/etc/holdfast" }, async () => {
      return (await hosts.crunchy.exec("ls", ["/etc/holdfast"], { check: false })).exitCode !== 0;
    });
  });
});
