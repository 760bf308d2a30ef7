/**
 * A site for a pool of VMs: the real engine with the real provider, a simulated Proxmox VE with one template, and one real SSH
 * server on loopback that answers for every VM. The stack is `platform-vm/dev-apps`.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { killSession } from "../../cli/blueprint/session.ts";
import { templateTags } from "../../components/template/plan.ts";
import { type ProxmoxOptions, type SimulatedProxmox, startProxmox } from "../../lab/proxmox/simulator.ts";
import { until } from "../../lab/wait.ts";
import { ownerDescription, ownerMark } from "../../lib/owner-mark.ts";
import { keyPair, type StandIn, sshServer } from "../fixtures/ssh-host.fixture.ts";
import { Engine } from "./engine.ts";

const project = "platform-vm";

/** What a pool's update is called with. */
export const up = ["up", "--yes", "--skip-preview"];

/** A VM of the configuration, on loopback: `127.0.20.<last>`. */
export function vm(last: number, more: object = {}): object {
  const ipv4 = { address: `127.0.20.${last}/24`, gateway: "127.0.20.1" };
  return { role: "app", interfaces: [{ bridge: "vnetenv", ipv4 }], ...more };
}

/** What a template has that `template-image` made: a clone has it too, until it is configured. */
const templateOwner = ownerMark({ site: "site", project: "template-image", stack: "dev" });
const templateConfig = {
  description: ownerDescription(templateOwner),
  tags: templateTags(templateOwner, "ubuntu-24.04", { algorithm: "sha256", hex: "ab".repeat(32) }).join(";"),
  ipconfig0: "ip=dhcp",
};

/** The site; everything ends with `close`. */
export class PoolSite {
  /** The pool's API token, as a client sends it. */
  token = "";

  private constructor(
    readonly engine: Engine,
    readonly proxmox: SimulatedProxmox,
    /** Id of the template. */
    readonly template: number,
    /** The operator's key: private half in `RUNNER_SSH_KEY_PATH`. */
    readonly operator: ReturnType<typeof keyPair>,
    private guests: StandIn,
    private hostKey: ReturnType<typeof keyPair>,
  ) {}

  /** Sets it up, with a stack that has everything but its VMs. */
  static async open(options: ProxmoxOptions = {}): Promise<PoolSite> {
    const storages = [
      { id: "local", type: "dir", content: ["import", "iso", "snippets"] },
      { id: "local-lvm", type: "lvmthin", content: ["images"] },
    ];
    const proxmox = await startProxmox({ storages, ...options });
    const template = proxmox.addTemplate({ name: "ubuntu-24.04-template", diskGib: 4, config: templateConfig });
    const engine = await Engine.open("proxmoxve");
    const certificate = join(engine.env.HOME ?? "", "proxmox.pem");
    writeFileSync(certificate, proxmox.certificate);
    const operator = keyPair();
    const keyFile = join(engine.env.HOME ?? "", "id_ed25519");
    writeFileSync(keyFile, operator.private, { mode: 0o600 });
    Object.assign(engine.env, {
      SSL_CERT_FILE: certificate,
      TMPDIR: engine.env.HOME,
      RUNNER_SSH_KEY_PATH: keyFile,
      SSH_AUTH_SOCK: "",
    });
    const hostKey = keyPair();
    const guests = await guestServer(operator.public, undefined, hostKey);
    const site = new PoolSite(engine, proxmox, template, operator, guests, hostKey);
    await site.configure();
    return site;
  }

  private async configure(): Promise<void> {
    const { engine, proxmox, template, guests } = this;
    this.newToken();
    const readiness = { target_port: guests.port, connectivity_timeout_s: 5, connectivity_wait_s: 5 };
    const plain = {
      env: "dev",
      "proxmox.endpoint": proxmox.url,
      template_vm_id: String(template),
      node_name: "pve1",
      require_ipam: "false",
      disk_size_gb: "8",
      memory_mb: "1024",
      post_apply_ssh_readiness: readiness,
    };
    await engine.init(project, "dev-apps", plain, { "proxmox.token": this.token });
  }

  private newToken(): void {
    this.token = this.proxmox.addToken("ci@pve!pools", { "/": ["*"] });
  }

  /** Gives the pool a new secret for the API token of its own, `ci@pve!pools`; the old one is worth nothing then. */
  async renewToken(): Promise<void> {
    this.newToken();
    await this.run("config", "set-all", "--secret", `proxmox.token=${this.token}`);
  }

  /** Pulumi on the stack; it has to work. */
  run(...args: string[]) {
    return this.engine.must(project, ...args, "--stack", "dev-apps");
  }

  /** Pulumi on the stack; it may fail. */
  tryTo(...args: string[]) {
    return this.engine.pulumi(project, ...args, "--stack", "dev-apps");
  }

  /** Begins an update and kills it, with everything that it started, once something is so; its lock is taken away then. */
  async killUp(moment: () => boolean): Promise<void> {
    const running = this.engine.begin(project, ...up, "--stack", "dev-apps");
    const what = { what: "the moment to kill", boundMs: 60_000, everyMs: 5, lookAt: "the simulation's requests" };
    await until(what, moment);
    killSession(running.pid ?? 0);
    await running;
    await this.run("cancel", "--yes");
  }

  /** Sets plain values; undefined takes one out. */
  set(values: Record<string, string | undefined>): void {
    const named = Object.entries(values).map(([key, value]) => [`${project}:${key}`, value]);
    this.engine.configure(project, "dev-apps", Object.fromEntries(named));
  }

  /** Takes values out. */
  unset(...keys: string[]): void {
    this.set(Object.fromEntries(keys.map((key) => [key, undefined])));
  }

  /** Writes the pool into the stack file. */
  pool(vms: object): void {
    this.engine.configure(project, "dev-apps", { [`${project}:vms`]: vms });
  }

  outputs() {
    return this.engine.outputs(project, "dev-apps");
  }

  /** How many requests so far were made to change something. */
  writes(): number {
    return this.proxmox.requests.filter(({ method }) => method !== "GET").length;
  }

  /** Names of the VMs that are no templates, sorted. */
  machines(): string[] {
    const vms = this.proxmox.vms().filter(({ config }) => Number(config.template) !== 1);
    return vms.map(({ config }) => String(config.name)).sort();
  }

  /** The port at which VMs answer. */
  get port(): number {
    return this.guests.port;
  }

  /** Nobody answers at the VMs' addresses. */
  silence(): Promise<void> {
    return this.guests.stop();
  }

  /** The machines at the VMs' addresses get a new host key, as machines that are made anew have one. */
  async newHostKey(): Promise<void> {
    await this.guests.stop();
    this.hostKey = keyPair();
    await this.serveAgain();
  }

  /** The machines answer again, with the host key that they had. */
  async serveAgain(): Promise<void> {
    this.guests = await guestServer(this.operator.public, this.guests.port, this.hostKey);
  }

  async close(): Promise<void> {
    this.engine.close();
    await this.proxmox.stop();
    await this.guests.stop();
  }
}

/** The one server that answers for every VM. */
function guestServer(allowed: string, port: number | undefined, hostKey: { private: string }): Promise<StandIn> {
  const answer = () => ({ stdout: "status: done\n" });
  return sshServer({ address: "0.0.0.0", hostKey, allowed, answer, ...(port === undefined ? {} : { port }) });
}
