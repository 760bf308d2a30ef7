/**
 * `npm run lab`: a whole site on this machine and the main job on it, from nothing to a green job.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { arch, release } from "node:os";
import { parseArgs } from "node:util";
import { Failure, runMain } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { deployFoundation, deployRunner, openSite, type Proof, proveFencedJob, runnerVm } from "./demo.ts";
import { network } from "./layout.ts";
import { netboxAlone } from "./netbox/alone.ts";
import type { OperatorSite } from "./operator-site.ts";
import { openProxmoxSite } from "./pool/demo.ts";
import { poolJob, poolSiteName } from "./pool/job.ts";
import { proxmoxSiteStatus } from "./pool/site.ts";
import { flow, openRunnerSite, runner } from "./runner/demo.ts";
import { runnerJob, runnerSiteName } from "./runner/job.ts";
import { type SiteStatus, siteDown, siteStatus } from "./site.ts";
import type { Workspace } from "./workspace.ts";

const siteName = "lab";

const usage = `npm run lab                     a whole site on this machine, and a green job on it
npm run lab -- proxmox          a pool of VMs on a simulated Proxmox VE, made, looked at and destroyed
npm run lab -- proxmox --keep   the same, left standing
npm run lab -- runner           an operations runner by its blueprint, with the whole release, made and destroyed
npm run lab -- runner --keep    the same, left standing
npm run lab -- netbox           a real NetBox on loopback, until Ctrl-C
npm run lab -- shell            a shell on the site's workstation
npm run lab -- status           what stands
npm run lab -- down             take everything away
npm run lab -- shell|status|down proxmox|runner   the same for the site that --keep left`;

/** A site that may be left standing: what a person does with it. */
interface NamedSite {
  /** What makes it, behind `npm run lab`. */
  made: string;
  status(): Promise<SiteStatus>;
  open(): Promise<Workspace<OperatorSite>>;
  /** Commands to try on its workstation. */
  hints: string[];
}

const toProxmox = `ssh -i $RUNNER_SSH_KEY_PATH root@${network.proxmox}`;

const sites: Record<string, NamedSite> = {
  [siteName]: {
    made: "",
    status: () => siteStatus(siteName),
    open: () => openSite(siteName),
    hints: ["cd runners; pulumi preview", `ssh -i $RUNNER_SSH_KEY_PATH root@${runnerVm.address}`],
  },
  [poolSiteName]: {
    made: " -- proxmox --keep",
    status: () => proxmoxSiteStatus({ name: poolSiteName }),
    open: () => openProxmoxSite(poolSiteName),
    hints: ["cd platform-vm; pulumi preview --stack dev-apps", toProxmox],
  },
  [runnerSiteName]: {
    made: " -- runner --keep",
    status: () => proxmoxSiteStatus({ name: runnerSiteName, netbox: false }),
    open: () => openRunnerSite(runnerSiteName),
    hints: [
      `node cli/holdfast.js blueprint status --env ${flow.env} --ref ${flow.ref}`,
      `ssh -i $RUNNER_SSH_KEY_PATH -J root@${network.proxmox} ${runner.user}@${runner.address}`,
    ],
  },
};

await runMain(async () => {
  const { verb, site, keep } = readArguments();
  if (verb === "proxmox") return poolJob({ keep });
  if (verb === "runner") return runnerJob({ keep });
  if (verb === "netbox") return netboxAlone();
  const verbs: Record<string, (site: string) => Promise<void>> = { up, shell, status, down };
  await verbs[verb]?.(site);
});

/** What is asked for; a verb of a site goes to the main job's, or to the one that it names. */
function readArguments(): { verb: string; site: string; keep: boolean } {
  const asked = process.argv.slice(2);
  const unknown = (why: string) => new Failure(`npm run lab does not know "${asked.join(" ")}"${why}`, usage);
  try {
    const { values, positionals } = parseArgs({ options: { keep: { type: "boolean" } }, allowPositionals: true });
    const [verb = "up", site, ...rest] = positionals;
    const [known, named] = [
      ["up", "proxmox", "runner", "netbox", "shell", "status", "down"],
      ["shell", "status", "down"].includes(verb),
    ];
    const places = named ? [undefined, ...Object.keys(sites)] : [undefined];
    if (!known.includes(verb) || !places.includes(site) || rest.length > 0) throw unknown("");
    if (values.keep && !["proxmox", "runner"].includes(verb)) throw unknown(": --keep belongs to proxmox and runner");
    return { verb, site: site ?? siteName, keep: values.keep ?? false };
  } catch (error) {
    throw error instanceof Failure ? error : unknown(`: ${(error as Error).message}`);
  }
}

async function up(): Promise<void> {
  const began = performance.now();
  const workspace = await openSite(siteName);
  await deployFoundation(workspace);
  await deployRunner(workspace);
  const proof = await proveFencedJob(workspace);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  process.stdout.write(summary(workspace, proof, seconds));
}

function summary({ site }: Workspace, { job, lines }: Proof, seconds: string): string {
  return `
✓ job ${job.id} with runs-on: fenced is green, on runner ${job.runnerName ?? runnerVm.name} (${seconds} s in all)
${lines.map((line) => `    ${line.trim()}`).join("\n")}
  this machine, for comparison: kernel Linux ${release()} ${arch()}

  workstation  ${site.workstation.address}    where pulumi runs
  forge        ${site.forge.address}    ${site.forge.url}   Gitea, user ${site.forge.adminUser}
  crunchy      ${site.hosts.crunchy.address}   libvirt host; FORWARD drops, as kube-router does
  VM           ${runnerVm.address}   ${runnerVm.name}, on ${site.virtType === "kvm" ? "KVM" : "emulation (KVM does not work here)"}

  look around: npm run lab -- shell | status | down
`;
}

async function shell(name: string): Promise<void> {
  const { open, made, hints } = siteOf(name);
  const { state } = await siteOf(name).status();
  if (state !== "up")
    throw new Failure(`the site ${name} is ${state === "partial" ? "half made" : "down"}`, `npm run lab${made}`);
  const { site, directory, env } = await open();
  process.stderr.write(`workstation of the lab; try: ${hints.join("; ")}; exit\n`);
  const bash = spawn("ip", ["netns", "exec", site.workstation.netns, "bash"], {
    stdio: "inherit",
    cwd: directory,
    env: { ...process.env, ...env, PWD: directory },
  });
  await once(bash, "close");
}

function siteOf(name: string): NamedSite {
  const site = sites[name];
  if (!site) throw new Failure(`the lab has no site ${name}`, usage);
  return site;
}

async function status(name: string): Promise<void> {
  const { state, directory, parts } = await siteOf(name).status();
  const lines = Object.entries(parts).map(([part, stands]) => `  ${stands ? "✓" : "✗"} ${part}`);
  process.stdout.write(`${name}: ${state}${state === "down" ? "" : `, in ${directory}`}\n${lines.join("\n")}\n`);
}

async function down(name: string): Promise<void> {
  await step(`Taking site ${name} away`, () => siteDown(name));
}
