/**
 * `npm run lab`: a whole site on this machine and the main job on it, from nothing to a green job.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { arch, release } from "node:os";
import { Failure, runMain } from "../toolchain/failure.ts";
import { step } from "../toolchain/progress.ts";
import { deployFoundation, deployRunner, openSite, type Proof, proveFencedJob, runnerVm } from "./demo.ts";
import { siteDown, siteStatus } from "./site.ts";
import type { Workspace } from "./workspace.ts";

const siteName = "lab";

const usage = `npm run lab             a whole site on this machine, and a green job on it
npm run lab -- shell    a shell on the site's workstation
npm run lab -- status   what stands
npm run lab -- down     take everything away`;

await runMain(async () => {
  const [verb = "up", ...rest] = process.argv.slice(2);
  const verbs: Record<string, () => Promise<void>> = { up, shell, status, down };
  const run = rest.length === 0 ? verbs[verb] : undefined;
  if (!run) throw new Failure(`npm run lab does not know "${[verb, ...rest].join(" ")}"`, usage);
  await run();
});

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

async function shell(): Promise<void> {
  const { state } = await siteStatus(siteName);
  if (state !== "up") throw new Failure(`the lab is ${state === "partial" ? "half made" : "down"}`, "npm run lab");
  const { site, directory, env } = await openSite(siteName);
  process.stderr.write(
    `workstation of the lab; try: cd runners; pulumi preview; ssh -i $RUNNER_SSH_KEY_PATH root@${runnerVm.address}; exit\n`,
  );
  const bash = spawn("ip", ["netns", "exec", site.workstation.netns, "bash"], {
    stdio: "inherit",
    cwd: directory,
    env: { ...process.env, ...env, PWD: directory },
  });
  await once(bash, "close");
}

async function status(): Promise<void> {
  const { state, directory, parts } = await siteStatus(siteName);
  const lines = Object.entries(parts).map(([part, stands]) => `  ${stands ? "✓" : "✗"} ${part}`);
  process.stdout.write(`lab: ${state}${state === "down" ? "" : `, in ${directory}`}\n${lines.join("\n")}\n`);
}

async function down(): Promise<void> {
  await step("Taking the lab away", () => siteDown(siteName));
}
