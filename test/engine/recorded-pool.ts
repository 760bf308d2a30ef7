/**
 * A template and a pool of two, for a state that is recorded and later found again: what is configured, and where the
 * recording lies. `npx tsx test/engine/record-pool.ts` records it anew: after a change that is meant to change the state.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ProxmoxOptions, type SimulatedProxmox, startProxmox } from "../../lab/proxmox/simulator.ts";
import type { Engine } from "./engine.ts";

/** Where the recording lies. */
export const recording = join(import.meta.dirname, "recorded", "pool");

/** Its parts: the states of the stacks, the cluster, and what of the recording run is replaced when it is read. */
export const recordedFile = (name: string) => join(recording, `${name}.json`);

/** Projects and stacks, the producer first. */
export const recordedStacks = [
  ["template-image", "dev"],
  ["platform-vm", "dev-apps"],
] as const;

/** In the recording, in the place of what is new with every simulation. The token is no secret of anybody. */
export const placeholders = { url: "https://pve1.example.org:8006", home: "/home/operator" } as const;

/** The cluster that the recording is of, empty or with its VMs. */
export function recordedCluster(options: Pick<ProxmoxOptions, "snapshot"> = {}): Promise<SimulatedProxmox> {
  const storages = [
    { id: "local", type: "dir", content: ["import", "iso", "snippets"] },
    { id: "local-lvm", type: "lvmthin", content: ["images"] },
  ];
  return startProxmox({ storages, ...options });
}

/** The image of the template. */
export const recordedImage = {
  url: "https://images.example/noble.img",
  size: 600e6,
  virtualSize: 3.5 * 1024 ** 3,
  sha256: "ab".repeat(32),
};

/** Makes both stacks with their configuration. Nothing is deployed. */
export async function configureRecorded(engine: Engine, proxmox: SimulatedProxmox, publicKey: string): Promise<void> {
  const certificate = join(engine.env.HOME ?? "", "proxmox.pem");
  writeFileSync(certificate, proxmox.certificate);
  Object.assign(engine.env, { SSL_CERT_FILE: certificate, TMPDIR: engine.env.HOME, SSH_AUTH_SOCK: "" });
  const nic = (last: number) => ({
    bridge: "vnetenv",
    ipv4: { address: `127.0.21.${last}/24`, gateway: "127.0.21.1" },
  });
  const values = {
    "template-image": {
      node_name: "pve1",
      template_key: "ubuntu-24.04",
      url: recordedImage.url,
      sha256: recordedImage.sha256,
      post_build_smoke: { ssh_login: "off", timeout_s: 5 },
    },
    "platform-vm": {
      env: "dev",
      template_state_ref: "core/onprem/template-image",
      require_ipam: false,
      ssh_keys: publicKey,
      // Nobody answers there when the recording is read: that is no drift where the gate is not required.
      post_apply_ssh_readiness: { required: false, connectivity_timeout_s: 1, connectivity_wait_s: 0 },
      vms: {
        "app-01": { role: "app", interfaces: [nic(11)] },
        "pgha-01": { role: "db", cpu_cores: 4, memory_mb: 2048, interfaces: [nic(12)] },
      },
    },
  };
  for (const [project, stack] of recordedStacks) {
    const common = { "site.id": "home", "proxmox.endpoint": proxmox.url };
    await engine.init(project, stack, { ...common, ...values[project] }, { "proxmox.token": proxmox.token });
  }
}
