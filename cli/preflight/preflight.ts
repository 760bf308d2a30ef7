/**
 * `holdfast preflight <stack>`: everything about a stack that can be looked at without a change, as far as its project says that
 * there is something. What an update depends on counts; what it may do without only warns, unless `--strict` says that all of
 * it counts.
 */
import type { Check } from "../../lib/preflight/check.ts";
import type { Looks } from "../../lib/project.ts";
import { opsRunner } from "../../ops-runner/project.ts";
import { platformVm } from "../../platform-vm/project.ts";
import { templateImage } from "../../template-image/project.ts";
import { exitCode, printTable } from "../check-table.ts";
import { type ListedProject, projectNamed, projects } from "../projects.ts";
import { Pulumi, type StackPlace, stackPlace } from "../pulumi.ts";
import { evidenceCheck, sshKeyCheck } from "./workstation.ts";

/** What an update depends on, and what it may do without. */
export interface Looked {
  required: Check[];
  optional: Check[];
}

/** Looks at what is the same for every stack: the workstation that deploys it. */
const workstationLooks = {
  "ssh-key": async () => [sshKeyCheck()],
  evidence: async () => [await evidenceCheck()],
};

type Preflighted = Extract<ListedProject, { preflight: unknown }>;
/** The looks of a project that are its own. */
type OwnLook<P extends Preflighted> = Exclude<
  P["preflight"]["required" | "optional"][number],
  keyof typeof workstationLooks
>;

/**
 * Who looks at a stack of a project, for all that its preflight names beside the workstation. Read only when it is asked for:
 * the clients of what is looked at take most of a second.
 */
const stackLooks: {
  readonly [P in Preflighted as P["name"]]: (pulumi: Pulumi, place: StackPlace) => Promise<Looks<OwnLook<P>>>;
} = {
  [platformVm.name]: async (pulumi, place) => (await import("./pool.ts")).poolLooks(pulumi, place),
  [templateImage.name]: async (pulumi, place) =>
    (await import("../stacks/template-image.ts")).templateLooks(pulumi, place),
  [opsRunner.name]: async (pulumi, place) => (await import("../stacks/ops-runner.ts")).opsRunnerLooks(pulumi, place),
};

/** Looks, prints, and gives the exit code: 0 all is well, 1 something failed, 2 something could not be looked at. */
export async function preflight(name: string, options: { strict: boolean; json: boolean }): Promise<number> {
  const usual = platformVm.name;
  const others = projects.filter((one) => one.preflight && one.name !== usual);
  const place = stackPlace(name, [usual, ...others.map((one) => one.name)], usual);
  const pulumi = await Pulumi.open();
  const { required, optional } = (await ownChecks(pulumi, place)) ?? { required: [], optional: [] };
  const checks = [...required, ...(options.strict ? optional : optional.map(onlyWarns))];
  const stack = `${place.project}/${place.stack}`;
  if (options.json) process.stdout.write(`${JSON.stringify({ stack, strict: options.strict, checks }, null, 2)}\n`);
  else printTable(stack, checks);
  return exitCode(checks);
}

/** What a project has to look at beside its configuration; undefined for one that has nothing. */
export async function ownChecks(pulumi: Pulumi, place: StackPlace): Promise<Looked | undefined> {
  const preflight = projectNamed(place.project)?.preflight;
  if (!preflight) return undefined;
  const common: Partial<Record<string, () => Promise<Check[]>>> = workstationLooks;
  const own: Looks<string> = await stackLooks[place.project as Preflighted["name"]](pulumi, place);
  const look = async (name: string) => (await common[name]?.()) ?? own[name] ?? [];
  const checksOf = async (names: readonly string[]) => (await Promise.all(names.map(look))).flat();
  const [required, optional] = await Promise.all([checksOf(preflight.required), checksOf(preflight.optional)]);
  return { required, optional };
}

/** What is not satisfied is shown and does not fail. */
export function onlyWarns(check: Check): Check {
  return check.status === "failed" || check.status === "skipped" ? { ...check, status: "warning" } : check;
}
