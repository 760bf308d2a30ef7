/**
 * `npm run lab -- runner`: the operations runner by its blueprint, from nothing to nothing, work that is
 * dispatched to it, and what of it is shown.
 */
import { Failure } from "../../lib/failure.ts";
import { step } from "../../lib/progress.ts";
import { announce, listVms, type PoolWorkspace } from "../pool/demo.ts";
import { proxmoxSiteStatus } from "../pool/site.ts";
import { siteDown } from "../site.ts";
import {
  blueprint,
  copyBlueprint,
  fillIn,
  flow,
  giveSecrets,
  modules,
  onRunner,
  openRunnerSite,
  recordCluster,
  runner,
  statusOf,
} from "./demo.ts";
import { dispatch, prepareWork, work } from "./dispatch.ts";

/** The site of `npm run lab -- runner`. */
export const runnerSiteName = "runner";

/**
 * Runs the flow on a site of its own. What an earlier run left of that site goes first.
 * @param keep whether site and runner are left standing; otherwise both go, after a failure too.
 */
export async function runnerJob({ keep }: { keep: boolean }): Promise<void> {
  const began = performance.now();
  announce();
  const { state } = await proxmoxSiteStatus({ name: runnerSiteName, netbox: false });
  if (state !== "down") await takeAway("what an earlier run left");
  try {
    const workspace = await openRunnerSite(runnerSiteName);
    await recordCluster(workspace);
    await copyBlueprint(workspace);
    fillIn(workspace);
    await giveSecrets(workspace);
    for (const verb of ["validate", "preflight"]) await shown(workspace, verb);
    await shown(workspace, "deploy", "--execute");
    process.stdout.write(await summary(workspace));
    await giveWork(workspace);
    if (keep) return void process.stdout.write(lookAround);
    await shownDispatch(workspace, "destroy");
    await shown(workspace, "destroy", "--execute");
    await refuseLeftovers(workspace);
  } finally {
    if (!keep) await takeAway(`site ${runnerSiteName}`);
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0)} s in all\n`);
  }
}

/** A verb with its own words and progress, as the operator sees them. */
async function shown(workspace: PoolWorkspace, verb: string, ...more: string[]): Promise<void> {
  process.stderr.write(`\n$ ${["holdfast blueprint", verb, "--env", flow.env, "--file …", ...more].join(" ")}\n`);
  await blueprint(workspace, verb, more, { stream: true });
  process.stderr.write("\n");
}

/** A second blueprint is run by the runner: the environment stays in the name of its VM. */
async function giveWork(workspace: PoolWorkspace): Promise<void> {
  await step("holdfast secrets ensure", () => prepareWork(workspace));
  await shownDispatch(workspace, "deploy");
  const names = (await listVms(workspace)).map(({ name }) => name);
  if (!names.includes(work.name)) throw new Failure(`the cluster has no ${work.name} after the dispatch.`);
  process.stdout.write(
    `✓ ${work.name} was made by the runner, and ${work.stack} is ${await statusOf(workspace, work.stack)}\n`,
  );
}

async function shownDispatch(workspace: PoolWorkspace, verb: string): Promise<void> {
  process.stderr.write(`\n$ holdfast dispatch --runner … -- blueprint ${verb} --env ${flow.env} --file … --execute\n`);
  await dispatch(workspace, verb, { stream: true });
  process.stderr.write("\n");
}

async function summary(workspace: PoolWorkspace): Promise<string> {
  const states = await Promise.all(modules.map(async (name) => `  ${name} is ${await statusOf(workspace, name)}\n`));
  const version = await onRunner(workspace, "holdfast --version", { user: runner.user });
  return `
✓ the runner stands
${states.join("")}  ${runner.name}  ${runner.address}, ${version.stdout.trim()} in ${runner.prefix}
`;
}

async function refuseLeftovers(workspace: PoolWorkspace): Promise<void> {
  const left = (await listVms(workspace)).filter(({ template }) => template === 0).map(({ name }) => name);
  if (left.length > 0) throw new Failure(`the cluster still has ${left.join(", ")} after the destroy.`);
  process.stdout.write("✓ the cluster has no VM left, and its template\n");
}

function takeAway(what: string): Promise<void> {
  return step(`Taking away ${what}`, () => siteDown(runnerSiteName));
}

const lookAround = "\n  look around: npm run lab -- shell runner | status runner | down runner\n";
