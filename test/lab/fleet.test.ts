/**
 * The fenced runner end to end: real engine, real providers, real libvirt, a real VM and a real forge (Gitea); the runner
 * program is a stand-in, which gives jobs real containers of docker's. One VM is booted and shared, so the tests run in their
 * order and leave it as they found it; the last one takes everything away. Not proven here: KVM, the official runner and its
 * container image, Forgejo itself.
 */
import { createHash } from "node:crypto";
import { appendFileSync, copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  deployFoundation,
  deployRunner,
  onVm,
  openSite,
  proveFencedJob,
  runnerConfiguration,
  runnerVm,
} from "../../lab/demo.ts";
import { kubeRouter } from "../../lab/faults.ts";
import { ForgeClient, type ForgeJob } from "../../lab/forge-client.ts";
import { network } from "../../lab/layout.ts";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { sampleProcesses } from "../../lab/process-sampler.ts";
import { siteDown } from "../../lab/site.ts";
import { until } from "../../lab/wait.ts";
import { pulumi, type Workspace } from "../../lab/workspace.ts";

const siteName = "t-fleet";
const rule = ["FORWARD", "-i", "br0", "-o", "br0", "-m", "physdev", "--physdev-is-bridged", "-j", "ACCEPT"];

/** Writes the command lines of all processes down, five times a second, until it is told to end. */
const sampler = `
import glob, os, time
with open("/run/cmdlines", "wb") as lines:
    while not os.path.exists("/run/sampled"):
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    lines.write(file.read() + b"\\n")
            except OSError:
                pass
        time.sleep(0.2)
`;

/** A job that looks for the runner's registration and for docker wherever either may be, and says what it could use. */
const loot = [
  "taken=",
  "for file in /loot/.runner /data/.runner /var/lib/forgejo-runner/.runner /proc/[0-9]*/cwd/.runner $(find / -xdev -name .runner 2>/dev/null); do",
  '  if grep -q token "$file" 2>/dev/null; then taken="$taken token"; break; fi',
  "done",
  "for socket in /var/run/docker.sock $(find / -xdev -name docker.sock 2>/dev/null); do",
  '  if [ -w "$socket" ]; then taken="$taken docker"; break; fi',
  "done",
  'echo "taken:$taken, no more"',
];

/** A secret output in an export that shows secrets. */
function secretOf(exported: string, type: string, output: string): string {
  const { deployment } = JSON.parse(exported) as {
    deployment: { resources: { type: string; outputs?: Record<string, { plaintext?: string }> }[] };
  };
  const found = deployment.resources.find((resource) => resource.type.endsWith(type))?.outputs?.[output]?.plaintext;
  return JSON.parse(found ?? '""') as string;
}

const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));

describe.skipIf(missing.length > 0)("a fenced runner in the lab", () => {
  let workspace: Workspace;
  let forge: ForgeClient;
  /** Every command line that any process of the machine had while the runner was deployed, and what that printed. */
  let processes: ReadonlySet<string>;
  let printed = "";

  beforeAll(async () => {
    await siteDown(siteName);
    workspace = await openSite(siteName);
    forge = new ForgeClient(workspace.site);
    await deployFoundation(workspace);
    const sampler = sampleProcesses();
    try {
      await deployRunner(workspace, (line) => (printed += `${line}\n`));
    } finally {
      processes = sampler.stop();
    }
  });

  afterAll(() => siteDown(siteName));

  const runners = (...args: string[]) =>
    pulumi(workspace, "runners", [...args, "--stack", "crunchy"], { check: false, timeoutMs: 600_000 });
  const onHost = (...command: string[]) =>
    workspace.site.hosts.crunchy.exec(command[0] ?? "", command.slice(1), { check: false });

  /** Pushes a workflow of one job and waits until `done` holds for it. */
  async function runJob(
    repository: string,
    label: string,
    script: string | string[],
    done: (job: ForgeJob) => boolean,
    keys = "",
  ) {
    await forge.createRepository(repository);
    const lines = [script].flat().map((line) => `          ${line}\n`);
    const text = `on: [push]\njobs:\n  one:\n    runs-on: ${label}\n${keys}    steps:\n      - run: |\n${lines.join("")}`;
    await forge.putFile(repository, ".forgejo/workflows/one.yml", text);
    return until({ what: `job of ${repository}`, boundMs: 90_000, everyMs: 300, lookAt: "the forge's log" }, async () =>
      (await forge.jobs(repository)).find(done),
    );
  }

  it("turns a job green that ran inside the VM, in a container of its own, as the nonce of the VM in the forge's log shows", async () => {
    const proof = await proveFencedJob(workspace);
    expect(proof.lines.join("\n")).toMatch(/nonce [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/);
    expect(proof.lines.join("\n")).toMatch(/container [0-9a-f]{12}, Node\.js v\d+/);
    expect(proof.job.runnerName).toBe(runnerVm.name);
    // All of it is gone with the job.
    const left = "docker ps --all --quiet; docker volume ls --quiet; docker network ls --quiet --filter type=custom";
    expect((await onVm(workspace, left)).stdout).toBe("");
  });

  it("has a fence on the hypervisor that knows the VM's interface as soon as it is up, not by its timer", async () => {
    const check = await onHost(
      "sh",
      "-c",
      "cd /etc/holdfast/egress-fence.d && /usr/local/lib/holdfast/egress-fence check *",
    );
    expect(check).toMatchObject({ exitCode: 0, stdout: "" });
  });

  it("fences jobs: a workflow that tries every forbidden target reaches none, nor does the runner's account on the VM", async () => {
    const forbidden = [
      ["another port of the forge's host", network.forge, 22],
      ["the hypervisor", network.hosts.crunchy, 22],
      ["the gateway", network.gateway, 80],
      ["cloud metadata", network.metadata, 80],
    ] as const;
    const open = [
      ["the forge", network.forge, 3000],
      ["the internet", network.internet, 80],
    ] as const;
    // The targets are there: who is not fenced reaches them.
    const dial = (address: string, port: number) => `timeout 3 bash -c "</dev/tcp/${address}/${port}" 2>/dev/null`;
    for (const [what, address, port] of forbidden) {
      const { exitCode } = await workspace.site.workstation.run("sh", ["-c", dial(address, port)], { check: false });
      expect(exitCode, what).toBe(0);
    }
    const probe = [...forbidden, ...open].map(
      ([what, address, port]) =>
        `if timeout 3 bash -c '</dev/tcp/${address}/${port}' 2>/dev/null; then echo "${what} open"; else echo "${what} closed"; fi`,
    );
    const job = await runJob("probe", "fenced", probe, ({ status }) => status === "completed");
    const log = (await forge.jobLog("probe", job.id)) ?? "";
    expect(job.conclusion, log).toBe("success");
    const account = await onVm(workspace, "setpriv --reuid forgejo-runner --clear-groups bash", {
      input: probe.join("\n"),
    });
    for (const [where, output] of Object.entries({ job: log, account: account.stdout })) {
      for (const [what] of forbidden) expect(output, where).toContain(`${what} closed`);
      for (const [what] of open) expect(output, where).toContain(`${what} open`);
    }
  });

  it("holds against root on the VM, whom the bridge stops where the VM's own layer was taken away", async () => {
    const probe = `timeout 3 bash -c '</dev/tcp/${network.hosts.crunchy}/22'`;
    const [timer, service] = ["holdfast-egress-fence.timer", "holdfast-egress-fence.service"];
    // Else it would be back before it is missed: by the timer's next run, or by one that is under way, or that begins between
    // the two stops of one command, which takes them in this order.
    await onVm(
      workspace,
      `systemctl stop ${timer}; systemctl stop ${service}; nft delete table inet holdfast_fence_runner`,
    );
    try {
      expect((await onVm(workspace, probe, { check: false })).exitCode).not.toBe(0);
      expect((await runners("preview", "--diff")).stdout).toContain("the egress fence is not in force");
    } finally {
      // What the timer on the VM does every minute.
      await onVm(workspace, `systemctl start ${service} ${timer}`);
    }
    expect((await onVm(workspace, "nft list table inet holdfast_fence_runner")).stdout).toContain("chain");
  });

  it("turns a job red that fails", async () => {
    const job = await runJob("red", "fenced", "exit 3", ({ status }) => status === "completed");
    expect(job.conclusion).toBe("failure");
  });

  it("leaves a job queued that asks for a label which no runner has", async () => {
    const queued = await runJob("queued", "nobody-has-this", "true", ({ status }) => status !== "");
    // A job that is pushed later and runs: the runner had its chance.
    await runJob("later", "fenced", "true", ({ conclusion }) => conclusion === "success");
    const now = (await forge.jobs("queued")).find(({ id }) => id === queued.id);
    expect(now?.status).toBe("queued");
    expect(now?.runnerName).toBeUndefined();
  });

  it("previews clean, from a workstation that never saw host or image too, and a second up registers nothing anew", async () => {
    rmSync(join(workspace.env.HOME ?? "", ".config/holdfast"), { recursive: true });
    const { HOLDFAST_CACHE: cache } = workspace.env;
    const { "vm.image.url": url = "" } = await runnerConfiguration(workspace.site);
    const before = await forge.runners();
    workspace.env.HOLDFAST_CACHE = join(workspace.site.directory, "empty-cache");
    await runners("config", "set", "vm.image.url", "file:///no/longer/there");
    try {
      expect((await runners("preview", "--expect-no-changes")).stdout).toMatch(/\d+ unchanged/);
      expect((await runners("up", "--yes", "--skip-preview")).stdout).toMatch(/Resources:\n\s+\d+ unchanged/);
    } finally {
      workspace.env.HOLDFAST_CACHE = cache ?? "";
      await runners("config", "set", "vm.image.url", url);
    }
    expect((await forge.runners()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    expect(before).toHaveLength(1);
  });

  it("exports fleet@1 with the runner that the forge knows", async () => {
    const { stdout } = await runners("stack", "output", "fleet", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      contract: "fleet@1",
      address: runnerVm.address,
      host: workspace.site.hosts.crunchy.address,
      runner: { name: runnerVm.name, labels: ["fenced"], forgeUrl: workspace.site.forge.url },
    });
  });

  it("boots a machine that the real cloud-init finds valid, with root's password locked and our host key", async () => {
    expect((await onVm(workspace, "cloud-init schema --system 2>&1")).stdout).toMatch(/Valid schema/);
    const { stdout } = await onVm(workspace, "passwd -S root; systemctl is-active qemu-guest-agent docker.socket");
    expect(stdout).toMatch(/^root L .*\nactive\nactive$/);
    const xml = (await onHost("virsh", "dumpxml", runnerVm.name)).stdout;
    expect(xml).toContain("<console type='pty'");
    expect(xml).toContain("<description>Made by holdfast for lab.runners.crunchy</description>");
    expect((await onHost("virsh", "dominfo", runnerVm.name)).stdout).toMatch(/Autostart:\s+enable/);
  });

  it("keeps every secret where it belongs: no process list, log, cloud-init disk, evidence, state or job log has one", async () => {
    const { site } = workspace;
    const { stdout: clear } = await runners("stack", "export", "--show-secrets");
    const read = (file: string) => readFileSync(file, "utf8").trim();
    const runnerToken = secretOf(clear, "RunnerRegistration", "token");
    const apiToken = read(site.forge.tokenFile);
    const vmKey = (await onVm(workspace, "cat /etc/ssh/ssh_host_ed25519_key")).stdout;
    const bodyOf = (key: string) => key.split("\n")[2] ?? "";
    const secrets = {
      "the runner's token": runnerToken,
      "the API token": apiToken,
      "the passphrase": read(site.pulumi.passphraseFile),
      "the operator's key": bodyOf(read(site.workstation.sshKeyPath)),
      "the VM's host key": bodyOf(vmKey),
    };
    for (const [what, secret] of Object.entries(secrets)) expect(secret.length, what).toBeGreaterThan(15);
    // The state has the first two, encrypted; nothing else has any.
    expect(clear).toContain(apiToken);
    const patterns = `${Object.values(secrets).join("\n")}\n`;

    const machine = [...processes].join("\n");
    expect(machine).toContain("pulumi up");
    const { stdout: state } = await runners("stack", "export");
    const searched = { "process lists": machine, "the state's export": state, "what up printed": printed };
    for (const [where, text] of Object.entries(searched)) {
      for (const [what, secret] of Object.entries(secrets))
        expect(text.includes(secret), `${what} in ${where}`).toBe(false);
    }

    // Standard input: the search must not put what it searches for into an argument list.
    const files = (...places: string[]) => `grep -rlsaF -f - ${places.join(" ")} | sort`;
    const here = await site.workstation.run(
      "sh",
      [
        "-c",
        files(
          ...["home", "state", "holdfast", "lan", "forge/gitea.log", "crunchy/console.log"].map((part) =>
            join(site.directory, part),
          ),
        ),
      ],
      { input: patterns, check: false },
    );
    expect(here.stdout).toBe("");
    const evidence = await site.workstation.run("find", [join(site.directory, "home"), "-name", "run.json"]);
    expect(evidence.stdout).toContain("/evidence/runners/crunchy/");
    const onHypervisor = await site.hosts.crunchy.exec(
      "sh",
      ["-c", files("/var/lib/libvirt/images/*.iso", "/etc", "/var/log", "/run/holdfast")],
      {
        input: patterns,
        check: false,
      },
    );
    expect(onHypervisor.stdout).toBe("");
    const onTheVm = await onVm(
      workspace,
      `journalctl --no-pager > /run/journal; ${files("/etc", "/var/lib/forgejo-runner", "/var/lib/cloud", "/var/log", "/run", "/root")}`,
      {
        input: patterns,
      },
    );
    expect(onTheVm.stdout).toBe("/etc/ssh/ssh_host_ed25519_key\n/var/lib/forgejo-runner/.runner");
    expect((await onVm(workspace, "stat -c '%a %U' /var/lib/forgejo-runner/.runner")).stdout).toBe(
      "600 forgejo-runner",
    );

    // Jobs may run programs of the runner's account: what they can read is in no log unless they print it.
    for (const repository of ["probe", "red", "later"]) {
      for (const { id } of await forge.jobs(repository)) {
        const log = (await forge.jobLog(repository, id)) ?? "";
        for (const secret of Object.values(secrets)) expect(log.includes(secret)).toBe(false);
      }
    }
  });

  it("leaves evidence of its runs that verifies, and that does not verify once it was touched", async () => {
    const { site, env, directory } = workspace;
    const holdfast = (...args: string[]) =>
      site.workstation.run("node", [join(directory, "cli/holdfast.js"), "evidence", ...args], {
        env,
        cwd: directory,
        check: false,
      });
    const latest = await holdfast("verify", "--latest", "runners", "crunchy");
    expect(latest.exitCode, latest.stdout + latest.stderr).toBe(0);
    const found = await site.workstation.run("find", [join(site.directory, "home"), "-path", "*/evidence/*/run.json"]);
    const run = found.stdout.split("\n").sort().at(-1) ?? "";
    appendFileSync(run, " ");
    expect((await holdfast("verify", "--latest", "runners", "crunchy")).exitCode).toBe(1);
    writeFileSync(run, readFileSync(run, "utf8").slice(0, -1), { mode: 0o600 });
    expect((await holdfast("verify", "--latest", "runners", "crunchy")).exitCode).toBe(0);
  });

  it("opens the bridge that kube-router closes, and opens it again after a flush", async () => {
    const connect = ["2", "bash", "-c", `</dev/tcp/${runnerVm.address}/22`];
    const reaches = async () =>
      (await workspace.site.workstation.run("timeout", connect, { check: false })).exitCode === 0;
    expect(await reaches()).toBe(true);
    // The timer may fire in the very second of the flush: then it is flushed again.
    const closed = { what: "a closed bridge", boundMs: 30_000, lookAt: "iptables -S FORWARD on crunchy" };
    await until(closed, async () => {
      await kubeRouter(workspace.site.hosts.crunchy);
      return !(await reaches());
    });
    const wait = {
      what: "the rule after a flush",
      boundMs: 75_000,
      everyMs: 500,
      lookAt: "libvirt-bridge-forward.timer",
    };
    await until(wait, async () => (await onHost("iptables", "-C", ...rule)).exitCode === 0);
    expect(await reaches()).toBe(true);
  });

  it("makes another machine of another cloud-init document: what runs drains first, the registration stays", async () => {
    await runners("config", "set", "vm.packages", "docker.io,qemu-guest-agent,less");
    const { stdout } = await runners("preview");
    await runners("config", "rm", "vm.packages");
    for (const name of ["vm-seed", "vm-domain", "runner-service"]) {
      expect(stdout).toMatch(new RegExp(`${name}\\s+(delete|replace|create)-?replacement|${name}\\s+replace`));
    }
    expect(stdout).not.toMatch(/runner-registration\s+(delete|replace|create)/);
  });

  it("previews another name as another machine and registration, and another image as another machine alone", async () => {
    const replacedBy = async (wish: Record<string, string>) => {
      const old: [string, string][] = [];
      for (const [key, value] of Object.entries(wish)) {
        old.push([key, (await runners("config", "get", key)).stdout.trim()]);
        await runners("config", "set", key, value);
      }
      const { stdout } = await runners("preview", "--json");
      for (const [key, value] of old) await runners("config", "set", key, value);
      const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
      const replaced = steps.filter(({ op }) => op === "replace").map(({ urn }) => urn.split("::").at(-1) ?? "");
      return [...new Set(replaced)].sort();
    };
    const machine = ["runner-service", "vm-base", "vm-domain", "vm-root"];
    expect(await replacedBy({ "vm.name": "foundation-runner-03" })).toEqual(
      [...machine, "runner-registration", "vm-host-key", "vm-seed"].sort(),
    );
    const image = join(workspace.site.directory, "other.qcow2");
    copyFileSync(workspace.site.guestImage.path, image);
    appendFileSync(image, "\0");
    const sha256 = createHash("sha256").update(readFileSync(image)).digest("hex");
    expect(await replacedBy({ "vm.image.url": pathToFileURL(image).href, "vm.image.sha256": sha256 })).toEqual(machine);
  });

  it("sees in preview what drifted (timer, daemon, registration), and heals all of it with one up", async () => {
    const [old] = await forge.runners();
    await onHost("systemctl", "stop", "libvirt-bridge-forward.timer");
    await onVm(workspace, "systemctl stop forgejo-runner");
    await onVm(workspace, "chpasswd", { input: "root:for this once\n" });
    await forge.deleteRunner(old?.id ?? 0);
    const preview = await runners("preview", "--diff");
    expect(preview.stdout).toContain("libvirt-bridge-forward.timer does not run");
    expect(preview.stdout).toContain("the runner is not running");
    expect(preview.stdout).toContain("root has a password");
    expect(preview.stdout).toMatch(/\+ holdfast:forge:RunnerRegistration: \(create\)/);
    // What runs on the VM meanwhile is written down there, until the runner has its new credentials.
    const sampled = onVm(workspace, "rm -f /run/sampled; timeout 300 python3 -", { check: false, input: sampler });
    expect((await runners("up", "--yes", "--skip-preview")).exitCode).toBe(0);
    await onVm(workspace, "touch /run/sampled");
    await sampled;
    const token = secretOf((await runners("stack", "export", "--show-secrets")).stdout, "RunnerRegistration", "token");
    const search = "grep -ac forgejo-runner /run/cmdlines; grep -acF -f - /run/cmdlines";
    const [all = "0", withToken] = (await onVm(workspace, search, { input: `${token}\n`, check: false })).stdout.split(
      "\n",
    );
    expect(Number(all)).toBeGreaterThan(0);
    expect(withToken).toBe("0");
    expect((await onHost("systemctl", "is-active", "libvirt-bridge-forward.timer")).stdout).toBe("active");
    expect((await onVm(workspace, "passwd -S root")).stdout).toMatch(/^root L/);
    const now = await forge.runners();
    expect(now).toHaveLength(1);
    expect(now[0]?.id).not.toBe(old?.id);
    await runJob("again", "fenced", "true", ({ conclusion }) => conclusion === "success");
    expect((await runners("preview", "--expect-no-changes")).exitCode).toBe(0);
  });

  it("stops at once, naming the host, when the host is down; the foundation does not notice", async () => {
    const host = workspace.site.hosts.crunchy;
    await onVm(workspace, "echo kept > /root/marker && sync");
    await host.powerCut();
    try {
      for (const args of [["preview"], ["up", "--yes"], ["refresh", "--yes"]]) {
        const run = (project: string, stack: string, timeoutMs: number) =>
          pulumi(workspace, project, [...args, "--stack", stack], { check: false, timeoutMs });
        // A command that has to be ended by the bound has said nothing.
        const [foundation, runner] = await Promise.all([run(".", "shared", 60_000), run("runners", "crunchy", 60_000)]);
        expect(foundation.exitCode, foundation.stdout).toBe(0);
        expect(runner.exitCode).toBeGreaterThan(0);
        expect(runner.stdout + runner.stderr).toMatch(new RegExp(`(error|cannot reach).*${host.address}`));
      }
    } finally {
      await host.boot();
    }
    // Its VM came back with it; one that is switched off is seen, too, and switched on again.
    await until({ what: "the VM's start", boundMs: 30_000, everyMs: 200, lookAt: "virsh list" }, async () =>
      (await onHost("virsh", "-q", "domstate", runnerVm.name)).stdout.includes("running"),
    );
    await onHost("virsh", "destroy", runnerVm.name);
    expect((await runners("preview", "--diff")).stdout).toMatch(/running\s*:\s*false => true/);
  });

  it("heals, resizes and relabels with one up: the same disk, the same registration, the new labels", async () => {
    const [before] = await forge.runners();
    await runners("config", "set", "vm.memoryMb", "1280");
    await runners("config", "set", "runner.labels", "fenced,beside:host");
    const up = await runners("up", "--yes", "--skip-preview");
    expect(up.exitCode, up.stdout).toBe(0);
    expect(up.stdout).toContain("can read the runner's token");
    expect((await onVm(workspace, "cat /root/marker")).stdout).toBe("kept");
    expect((await onHost("virsh", "dominfo", runnerVm.name)).stdout).toMatch(/Max memory:\s+1310720 KiB/);
    const after = await forge.runners();
    expect(after.map(({ id }) => id)).toEqual([before?.id]);
    expect(after[0]?.labels).toEqual(["fenced", "beside"]);
    expect((await runners("preview", "--expect-no-changes")).exitCode).toBe(0);
  });

  it("gives a job neither the runner's token nor docker, not even when it asks for them; one beside the runner has both", async () => {
    const { "runner.jobImage": image = "" } = await runnerConfiguration(workspace.site);
    const wanted = ["/var/run/docker.sock:/var/run/docker.sock", "/var/lib/forgejo-runner:/loot"];
    const container = `    container: { image: "${image}", volumes: [${wanted.map((volume) => `"${volume}"`).join(", ")}] }\n`;
    const completed = ({ status }: ForgeJob) => status === "completed";
    for (const [label, keys, taken] of [
      ["fenced", container, ""],
      ["beside", "", " token docker"],
    ] as const) {
      const job = await runJob(`loot-${label}`, label, loot, completed, keys);
      const log = (await forge.jobLog(`loot-${label}`, job.id)) ?? "";
      expect(job.conclusion, log).toBe("success");
      expect(log).toContain(`taken:${taken}, no more`);
    }
  });

  it("follows its host to another address: the same machine, the same registration", async () => {
    const [before] = await forge.runners();
    const uuid = (await onHost("virsh", "domuuid", runnerVm.name)).stdout;
    const moved = "198.51.100.12";
    await onHost("sh", "-c", `ip addr del ${network.hosts.crunchy}/24 dev br0 && ip addr add ${moved}/24 dev br0`);
    await runners("config", "set", "host.address", moved);
    // A refresh would ask at the address that the state has.
    const up = await runners("up", "--yes", "--skip-preview", "--refresh=false");
    expect(up.exitCode, up.stdout).toBe(0);
    expect((await runners("preview", "--expect-no-changes")).exitCode).toBe(0);
    expect((await forge.runners()).map(({ id }) => id)).toEqual([before?.id]);
    expect((await onHost("virsh", "domuuid", runnerVm.name)).stdout).toBe(uuid);
    const { stdout } = await runners("stack", "output", "fleet", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ host: moved, runner: { name: runnerVm.name } });
  });

  it("takes everything away: drains, deregisters, then removes the VM, its volumes and the timer", async () => {
    const result = await runners("destroy", "--yes", "--skip-preview");
    expect(result.exitCode, result.stdout).toBe(0);
    const order = ["runner-service", "runner-registration", "vm-domain", "bridge-forward"].map((name) =>
      result.stdout.search(new RegExp(`${name} deleted`)),
    );
    expect(order).not.toContain(-1);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(await forge.runners()).toEqual([]);
    expect((await onHost("virsh", "-q", "list", "--all")).stdout.trim()).toBe("");
    expect((await onHost("virsh", "-q", "vol-list", "images")).stdout.trim()).toBe("");
    expect((await onHost("iptables", "-C", ...rule)).exitCode).not.toBe(0);
    const left = "ls /etc/systemd/system /etc /usr/local/lib | grep -e bridge-forward -e holdfast";
    expect((await onHost("sh", "-c", left)).stdout).toBe("");
  });
});
