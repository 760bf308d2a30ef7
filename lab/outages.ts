/**
 * Outages of a site, each injected and lifted: hosts and forges that are down, silent, hung, broken, changed or full, and an
 * operator with the wrong key. Lifting leaves the site as it was before.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateKeyPair } from "../lib/ssh/key-pair.ts";
import { setCable } from "./lan.ts";
import { layoutOf, network } from "./layout.ts";
import { netnsExec } from "./namespaces.ts";
import { isAlive, recordedProcess } from "./processes.ts";
import { type Site, siteUp } from "./site.ts";
import { until } from "./wait.ts";

/** Something that fails. */
export interface Outage {
  /** As the table of faults names it. */
  name: string;
  /** Whose message must name what is wrong: the address that fails. */
  place: string;
  inject(): Promise<void>;
  lift(): Promise<void>;
  /** What of the operator's environment is different meanwhile. */
  env?: Record<string, string>;
}

const libvirtd = ["libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket", "libvirtd.service"];
const hostKeyFile = "/etc/ssh/ssh_host_ed25519_key";

/** All outages of a site, by what they are. */
export function outages(site: Site): Outage[] {
  const host = site.hosts.crunchy;
  const on = async (...lines: string[]) => void (await host.exec("sh", ["-c", `set -e\n${lines.join("\n")}`]));
  const restartSshd = "systemctl restart ssh";
  return [
    { name: "host down", place: host.address, inject: () => host.powerCut(), lift: () => host.boot() },
    {
      name: "host unplugged",
      place: host.address,
      inject: () => setCable(layoutOf(site.name), "crunchy", "down"),
      lift: () => setCable(layoutOf(site.name), "crunchy", "up"),
    },
    {
      name: "packets dropped",
      place: host.address,
      inject: () => on(`iptables -I INPUT -s ${network.workstation} -j DROP`),
      lift: () => on(`iptables -D INPUT -s ${network.workstation} -j DROP`),
    },
    {
      name: "libvirtd stopped",
      place: host.address,
      inject: () => on(`systemctl stop ${libvirtd.join(" ")}`),
      lift: () => on(`systemctl start ${libvirtd.join(" ")}`),
    },
    {
      name: "libvirtd hung",
      place: host.address,
      inject: () => on("virsh -q -c qemu:///system list >/dev/null", "systemctl kill --signal=STOP libvirtd.service"),
      lift: () => on("systemctl kill --signal=CONT libvirtd.service"),
    },
    {
      name: "wrong SSH key",
      place: host.address,
      env: { RUNNER_SSH_KEY_PATH: strangersKey(site) },
      inject: async () => {},
      lift: async () => {},
    },
    {
      name: "host key changed",
      place: host.address,
      inject: () => on(`mv ${hostKeyFile} /root/key`, `ssh-keygen -q -t ed25519 -N '' -f ${hostKeyFile}`, restartSshd),
      lift: () => on(`mv /root/key ${hostKeyFile}`, restartSshd),
    },
    {
      name: "disk full",
      place: host.address,
      inject: () => on("mount -t tmpfs -o size=8m tmpfs /var/lib/libvirt/images", "virsh -q pool-refresh images"),
      lift: () => on("umount /var/lib/libvirt/images", "virsh -q pool-refresh images"),
    },
    ...forgeOutages(site),
  ];
}

function forgeOutages(site: Site): Outage[] {
  const { name } = site;
  const lift = async () => void (await siteUp({ name }));
  let broken: ReturnType<typeof spawn> | undefined;
  return [
    { name: "forge down", place: "forge", inject: () => stopForge(name), lift },
    {
      name: "forge answers 500",
      place: "forge",
      inject: async () => {
        await stopForge(name);
        broken = await brokenForge(site);
      },
      lift: async () => {
        if (broken) {
          const ended = once(broken, "exit");
          broken.kill("SIGKILL");
          await ended;
        }
        await lift();
      },
    },
  ];
}

/** A key that no machine of the site knows. */
function strangersKey(site: Site): string {
  const path = join(site.directory, "ssh", "stranger");
  writeFileSync(path, generateKeyPair("stranger").privateKey, { mode: 0o600 });
  return path;
}

async function stopForge(name: string): Promise<void> {
  const server = recordedProcess(layoutOf(name).path("forge", "gitea.json"));
  if (!server || !isAlive(server)) return;
  process.kill(server.pid, "SIGKILL");
  await until(
    { what: "the end of the forge", boundMs: 60_000, lookAt: `process ${server.pid}` },
    () => !isAlive(server),
  );
}

/** A server at the forge's address that answers everything with 500. */
async function brokenForge(site: Site): Promise<ReturnType<typeof spawn>> {
  const program = `require("node:http").createServer((_, answer) => { answer.writeHead(500); answer.end("broken"); }).listen(3000, "${network.forge}")`;
  // `exec` in place: the process that is ended later is the server itself.
  const server = spawn("ip", netnsExec(layoutOf(site.name).netns("forge"), process.execPath, ["-e", program]), {
    stdio: "ignore",
  });
  const probe = ["--silent", "--output", "/dev/null", "--max-time", "2", `http://${network.forge}:3000/`];
  const wait = { what: "the broken forge", boundMs: 60_000, everyMs: 200, lookAt: "port 3000 of the forge" };
  try {
    await until(wait, async () => (await site.workstation.run("curl", probe, { check: false })).exitCode === 0);
    return server;
  } catch (error) {
    server.kill("SIGKILL");
    throw error;
  }
}
