/**
 * `holdfast rebuild <stack>`: destroys the VMs of a pool and makes them anew, and says which machines there were before and
 * which there are now. Nothing is destroyed that could not be made again, as far as that can be seen beforehand.
 */
import { vmPart } from "../../components/pool/state-names.ts";
import { Failure } from "../../lib/failure.ts";
import { failures } from "../../lib/preflight/check.ts";
import { fingerprint, forgetKeys, knownHostsFile, recordedKeys } from "../../lib/ssh/known-hosts.ts";
import { resourceName } from "../../platform-vm/deployed.ts";
import { platformVm } from "../../platform-vm/project.ts";
import { catalogue } from "../../provider/catalogue.ts";
import { Recorder } from "../../provider/evidence/recorder.ts";
import { deployedMachines, hostKeysIn, type Machine, machinesIn, publishedIn } from "../machines.ts";
import { netboxChecks } from "../pool/netbox.ts";
import { placementChecks } from "../pool/placement.ts";
import { type Pool, type PoolStack, readPoolStack } from "../pool/stack.ts";
import { ask } from "../prompt.ts";
import { Pulumi, type StackPlace, stackPlace } from "../pulumi.ts";
import { resourcesIn, type StateResource } from "../stack.ts";
import { changes, changeTable, interrupted, type RebuildRecord, type RecordedMachine, rebuildName } from "./record.ts";

type Machines = Record<string, RecordedMachine>;

/** How a rebuild is asked for. */
export interface RebuildOptions {
  /** Has to be the stack, as it is named. */
  confirm?: string | undefined;
  /** Asks nothing. */
  yes: boolean;
  json: boolean;
}

/**
 * Rebuilds. Exit code 0 done, 1 destroy or up failed.
 * @throws Failure when it does not begin; nothing was changed then.
 */
export async function rebuild(name: string, { confirm, yes, json }: RebuildOptions): Promise<number> {
  if (confirm !== name) {
    throw new Failure(
      `--confirm mismatch; expected '${name}' but got '${confirm ?? ""}'`,
      `nothing was changed: holdfast rebuild ${name} --confirm ${name}`,
    );
  }
  const place = stackPlace(name, [platformVm.name], platformVm.name);
  const pulumi = await Pulumi.open();
  const stack = await readPoolStack(pulumi, place);
  const pool = await readyPool(stack);
  const run = new Rebuild(pulumi, place, pool, json);
  const names = run.startFrom(stack.resources);
  if (!yes) await askFor(place, names);
  return run.go();
}

/** @throws Failure when something is protected, or the pool could not be made again. */
async function readyPool(stack: PoolStack): Promise<Pool> {
  const { place, pool } = stack;
  const refusal = `stack ${place.project}/${place.stack} is not rebuilt, nothing was changed`;
  const kept = protectedIn(stack);
  if (kept.length > 0) {
    throw new Failure(
      `${refusal}: protected are ${kept.join(", ")}`,
      `where they shall go, set vms.<key>.protect to false for them, pulumi up --stack ${place.stack} in ${place.project}/, and the same command`,
    );
  }
  const looked = await Promise.all([placementChecks(stack, true), netboxChecks(stack)]);
  const checks = [...stack.checks, ...looked.flat()];
  const failed = failures(checks);
  if (failed.length === 0 && pool) return pool;
  const list = failed.map((problem) => `\n  - ${problem}`).join("");
  throw new Failure(`${refusal}: its VMs could not be made again:${list}`, `holdfast preflight ${place.stack}`);
}

/** What Pulumi, the platform or the configuration keeps from being destroyed. */
function protectedIn({ resources, deployed, pool }: PoolStack): string[] {
  const byPulumi = resources.filter(({ protect }) => protect === true).map(({ urn }) => resourceName(urn));
  return [
    ...new Set([
      ...byPulumi.map((name) => vmPart(name)?.key ?? name),
      ...deployed.filter((vm) => vm.protected).map(({ key }) => key),
      ...(pool?.plan.vms.filter(({ protect }) => protect).map(({ key }) => key) ?? []),
    ]),
  ].sort();
}

async function askFor({ stack }: StackPlace, names: readonly string[]): Promise<void> {
  const answer = await ask(`destroy ${names.join(", ")} and make them anew? Type ${stack}: `, {
    echo: true,
    otherwise: "the same command with --yes",
  });
  if (answer.trim() !== stack) throw new Failure("nothing was changed: the stack's name was not typed");
}

/** One rebuild, from what stands to what stands then. */
class Rebuild {
  private readonly urn: string;
  private readonly recorder = new Recorder({ holdfast: catalogue.version });
  private readonly port: number;
  private readonly record: RebuildRecord;
  /** Whose host keys are worth nothing once they are gone. */
  private doomed: Machine[] = [];
  private directory = "";

  constructor(
    private readonly pulumi: Pulumi,
    private readonly place: StackPlace,
    { plan }: Pool,
    private readonly json: boolean,
  ) {
    const { project, stack } = place;
    this.urn = `urn:pulumi:${stack}::${project}::pulumi:pulumi:Stack::${project}-${stack}`;
    this.port = plan.readiness.target_port;
    const began = new Date().toISOString();
    this.record = { project, stack, began, status: "running", step: "destroy", before: {}, after: {} };
  }

  /**
   * Notes the machines from before, in memory alone. What a rebuild that was cut off began from counts until an update has
   * published other machines than those.
   * @returns their physical names.
   * @throws Failure where there is none.
   */
  startFrom(resources: readonly StateResource[]): string[] {
    const there = machinesIn(resources);
    this.doomed = Object.values(there);
    const published = Object.entries(publishedIn(resources) ?? {});
    const earlier = interrupted(this.place);
    const goesOn = earlier && published.every(([key, { identity }]) => earlier.before[key]?.identity === identity);
    this.record.before = { ...this.withHostKeys(there, resources), ...(goesOn ? earlier.before : {}) };
    if (goesOn) this.record.continues = earlier.run;
    const names = Object.values(this.record.before).map(({ name }) => name);
    if (names.length > 0) return names;
    const { project, stack } = this.place;
    throw new Failure(`stack ${project}/${stack} has no VM to rebuild`, `pulumi up --stack ${stack}, in ${project}/`);
  }

  async go(): Promise<number> {
    this.write();
    const done = (await this.step("destroy", "delete")) && (await this.step("up", "create"));
    this.record.ended = new Date().toISOString();
    this.record.status = done ? "ok" : "failed";
    this.write();
    const all = changes(this.record.before, this.record.after);
    if (this.json) {
      process.stdout.write(`${JSON.stringify({ ...this.record, changes: all, evidence: this.directory }, null, 2)}\n`);
    } else if (done) process.stdout.write(`\n${changeTable(all)}\n`);
    if (!done) this.sayWhatIsNext();
    process.stderr.write(`evidence: ${this.directory}\n`);
    return done ? 0 : 1;
  }

  /** Runs one half, and looks at what stands then. Gives whether it succeeded. */
  private async step(name: RebuildRecord["step"], operation: "delete" | "create"): Promise<boolean> {
    this.record.step = name;
    this.write();
    const succeeded = await this.runs(name, operation);
    try {
      const resources = resourcesIn(await this.pulumi.ask(this.place, ["stack", "export"]));
      if (name === "destroy") this.forgetHostKeys(resources);
      // What was published is of before, until an update succeeds.
      this.record.after = this.withHostKeys(succeeded ? machinesIn(resources) : deployedMachines(resources), resources);
      return succeeded;
    } catch (error) {
      // Something was changed by now: it ends as a rebuild that failed, and goes on as one.
      warn(`what stands is not known: ${(error as Error).message}`);
      return false;
    }
  }

  /** Runs Pulumi, as a step of the evidence. */
  private async runs(name: string, operation: "delete" | "create"): Promise<boolean> {
    const about = {
      ...{ urn: this.urn, operation, signal: new AbortController().signal, before: [], secrets: [], secretNames: [] },
      stateOf: () => undefined,
      warn,
    };
    try {
      await this.recorder.record(about, async () => {
        // What a preview would find was looked at before anything was destroyed.
        const code = await this.pulumi.show(this.place, [name, "--yes", "--skip-preview"], this.json ? 2 : 1);
        if (code !== 0) throw new Error(`it ended with exit code ${code}; its output went to the terminal`);
      });
      return true;
    } catch (error) {
      warn(`pulumi ${name}: ${(error as Error).message}`);
      return false;
    }
  }

  /** The host keys of machines that are gone: the next one at that address has another, and is met for the first time. */
  private forgetHostKeys(resources: readonly StateResource[]): void {
    const deployed = new Set(Object.values(deployedMachines(resources)).map(({ id }) => id));
    for (const { id, address } of [...this.doomed, ...Object.values(this.record.before)]) {
      if (address !== "" && !deployed.has(id)) forgetKeys(this.knownHosts, address, this.port);
    }
  }

  /** Machines with the host keys that the stack made for them, else with those that this workstation has met. */
  private withHostKeys(machines: Readonly<Record<string, Machine>>, resources: readonly StateResource[]): Machines {
    const made = hostKeysIn(resources);
    const met = ({ address }: Machine) =>
      address === "" ? undefined : recordedKeys(this.knownHosts, address, this.port)[0];
    return Object.fromEntries(
      Object.entries(machines).map(([key, machine]) => [
        key,
        { ...machine, hostKey: fingerprint(made[key] ?? met(machine)) ?? "" },
      ]),
    );
  }

  private get knownHosts(): string {
    return knownHostsFile(`${this.place.project}/${this.place.stack}`);
  }

  /** Writes the record into the evidence. Before anything is destroyed that has to work: the identities would be lost. */
  private write(): void {
    let reason = "";
    const content = { [rebuildName]: `${JSON.stringify(this.record, null, 2)}\n` };
    const written = this.recorder.attachEvidence(this.urn, content, (text) => {
      reason = text;
    });
    if (written) this.directory = written.directory;
    else if (this.directory === "")
      throw new Failure(`nothing was changed: ${reason}`, "make room, or set XDG_STATE_HOME");
    else warn(reason);
  }

  private sayWhatIsNext(): void {
    const { project, stack } = this.place;
    const { step, before } = this.record;
    const goesOn =
      step === "destroy"
        ? `holdfast rebuild ${stack} --confirm ${stack}, once that is mended`
        : `pulumi up --stack ${stack}, in ${project}/; or holdfast rebuild ${stack} --confirm ${stack}, which destroys what was made of it first`;
    process.stderr.write(
      `\n✗ pulumi ${step} of ${project}/${stack} failed; its own words are above\n  next: ${goesOn}\n` +
        `  which machines there were is kept: ${Object.keys(before).join(", ")}\n`,
    );
  }
}

function warn(text: string): void {
  process.stderr.write(`! ${text}\n`);
}
