/**
 * A checkout with two small projects, `first` and `second`, and blueprints that lead through them: for everything about
 * blueprints that is not about what their steps do.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { checkpointPath } from "../../cli/backend.ts";
import type { StackPlace } from "../../cli/pulumi.ts";
import { until } from "../../lab/wait.ts";
import { cacheDirectory } from "../../lib/cache.ts";
import { Engine, type EngineResult } from "./engine.ts";

/** What a test changes about a step. */
export type StepChange = Record<string, unknown> & { config?: object };

/** A checkout with the projects; everything ends with `close`. */
export class Flow {
  private seeded: Promise<string> | undefined;

  private constructor(readonly engine: Engine) {}

  static async open(): Promise<Flow> {
    const engine = await Engine.open();
    for (const name of ["first", "second"]) {
      const folder = join(engine.directory, name);
      cpSync(join(engine.directory, "test/engine/programs/step"), folder, { recursive: true });
      const file = join(folder, "Pulumi.yaml");
      writeFileSync(file, readFileSync(file, "utf8").replaceAll(/(?<=name: |stacks\/)step/g, name));
    }
    return new Flow(engine);
  }

  /**
   * Writes the blueprint `test/<name>@v1`: `one` in `first/dev-<name>`, then `two`, which reads it, in `second/dev-<name>`.
   * @param three a third step, which needs nothing, in `first/dev-<name>-three`; default: none.
   * @returns its path.
   */
  blueprint(name: string, one: StepChange = {}, two: StepChange = {}, three?: StepChange): string {
    const stack = `\${env}-${name}`;
    const steps = [
      { id: "one", project: "first", stack, skip_if_state_ok: true, ...one, config: { value: "a", ...one.config } },
      {
        ...{ id: "two", project: "second", stack, requires: ["one"], skip_if_state_ok: true, ...two },
        config: { value: "b", upstream: `first/\${steps.one.stack}`, ...two.config },
      },
      ...(three ? [{ id: "three", project: "first", stack: `${stack}-three`, skip_if_state_ok: true, ...three }] : []),
    ];
    const path = this.at(`${name}.yml`);
    writeFileSync(path, stringify({ kind: "Blueprint", ref: `test/${name}@v1`, steps }));
    return path;
  }

  /** Makes a stack without anything in it, as `pulumi stack init` does: a copy of the first, which that made. */
  async prepare(place: StackPlace): Promise<void> {
    const { engine } = this;
    const seed = { project: "first", stack: "dev-seed" };
    this.seeded ??= engine.must(seed.project, "stack", "init", "--no-select", seed.stack);
    await this.seeded;
    const settings = ({ project, stack }: StackPlace) => this.at(`stacks/${project}/Pulumi.${stack}.yaml`);
    const state = (of: StackPlace) => join(engine.stateDirectory, checkpointPath(of));
    for (const pathOf of [settings, state]) mkdirSync(dirname(pathOf(place)), { recursive: true });
    copyFileSync(settings(seed), settings(place));
    const text = readFileSync(state(seed), "utf8");
    writeFileSync(
      state(place),
      text.replace("organization/first/dev-seed", `organization/${place.project}/${place.stack}`),
    );
  }

  /** A verb on a file in the environment `dev`. */
  verb(verb: string, file: string, ...more: string[]): Promise<EngineResult> {
    return this.engine.holdfast("blueprint", verb, "--env", "dev", "--file", file, ...more);
  }

  deploy(file: string): Promise<EngineResult> {
    return this.verb("deploy", file, "--execute");
  }

  /** A deploy that is killed as soon as its record says so of a step: `two=ok`. */
  deployKilledAt(file: string, at: string): Promise<EngineResult> {
    const hook = this.at("test/engine/programs/kill-at.mjs");
    const env = { NODE_OPTIONS: `--import=${hook}`, KILL_AT: at };
    return this.engine.holdfastWith({ env }, "blueprint", "deploy", "--env", "dev", "--file", file, "--execute");
  }

  /** How many updates of a stack came to their end. */
  async updatesOf(project: string, stack: string): Promise<number> {
    const history = await this.engine.must(project, "stack", "history", "--json", "--stack", stack);
    return (JSON.parse(history) as { result: string }[]).filter(({ result }) => result === "succeeded").length;
  }

  /** How the last run of each step stands, by id. */
  async statuses(file: string): Promise<Record<string, string>> {
    const { stdout } = await this.verb("status", file, "--json");
    const { steps } = JSON.parse(stdout) as { steps: { id: string; status: string }[] };
    return Object.fromEntries(steps.map(({ id, status }) => [id, status]));
  }

  /** A deploy that runs beside the test. */
  begin(file: string) {
    const args = ["cli/holdfast.js", "blueprint", "deploy", "--env", "dev", "--file", file, "--execute"];
    return execa("node", args, {
      cwd: this.engine.directory,
      env: { ...process.env, ...this.engine.env, HOLDFAST_CACHE: cacheDirectory() },
      reject: false,
      stdin: "ignore",
    });
  }

  /** A place in the clone. */
  at(name: string): string {
    return join(this.engine.directory, name);
  }

  /** Where records and evidence are. */
  get state(): string {
    return join(this.engine.env.XDG_STATE_HOME ?? "", "holdfast");
  }

  /** Waits until a file is there. */
  async there(path: string): Promise<void> {
    const wait = { what: `the file ${path}`, boundMs: 60_000, everyMs: 20, lookAt: path };
    await until(wait, () => existsSync(path));
  }

  /** The process of Pulumi that a deploy which was killed left at work. */
  pulumiOf(name: string): number {
    const lock = join(this.state, "blueprints/dev", `test.${name}.v1.lock`);
    return JSON.parse(readFileSync(lock, "utf8")).pulumi.pid;
  }

  close(): void {
    this.engine.close();
  }
}

/** Waits until a process is gone. */
export async function gone(pid: number): Promise<void> {
  const wait = { what: `the end of process ${pid}`, boundMs: 60_000, everyMs: 20, lookAt: "ps" };
  await until(wait, () => {
    try {
      // One that nobody has buried yet is as good as gone.
      return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    } catch {
      return true;
    }
  });
}
