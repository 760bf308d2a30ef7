/**
 * Pulumi as commands use it: the pinned engine, in the folder of a project, with the operator's own backend, passphrase and
 * home. Which stack is selected is never changed.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { Failure } from "../lib/failure.ts";
import { projectFolder, topProject } from "../lib/project.ts";
import { run } from "../lib/run.ts";
import { ensureToolchain } from "../toolchain/index.ts";

/** Top folder of the checkout. */
export const checkout = join(import.meta.dirname, "..");
/** Bound on one question, in milliseconds. */
const boundMs = 60_000;

/** A stack of a project. */
export interface StackPlace {
  project: string;
  stack: string;
}

/** A stack as a list of stacks shows it. */
export interface StackSummary {
  name: string;
  /** UTC, ISO 8601; absent where it was never updated. */
  lastUpdate?: string;
  /** Resources in its state. */
  resourceCount?: number;
}

/**
 * Reads `<stack>` or `<project>/<stack>`.
 * @param fallback the project of a bare name.
 * @throws Failure for anything else, naming the projects that there are.
 */
export function stackPlace(text: string, projects: readonly string[], fallback: string): StackPlace {
  const [stack = "", project = fallback, ...rest] = text.split("/").reverse();
  if (!projects.includes(project) || rest.length > 0 || !/^\w[\w.-]*$/.test(stack)) {
    throw new Failure(
      `${JSON.stringify(text)} is no name of a stack of ${projects.join(" or ")}`,
      `<stack>, which is one of ${fallback}, or <project>/<stack>; pulumi stack ls in ${fallback}/ shows them`,
    );
  }
  return { project, stack };
}

/** The pinned engine, ready to be asked. */
export class Pulumi {
  private constructor(
    private readonly env: Readonly<Record<string, string>>,
    /** Files in place of stacks' own configuration, by `<project>/<stack>`. */
    private readonly files: ReadonlyMap<string, string> = new Map(),
  ) {}

  /** @throws Failure when there is no engine to be had. */
  static async open(): Promise<Pulumi> {
    const { PULUMI_HOME: _ours, ...env } = (await ensureToolchain(["pulumi"])).env;
    return new Pulumi(env);
  }

  /** The same engine, which finds the configuration of one stack in another file. */
  withConfig({ project, stack }: StackPlace, file: string): Pulumi {
    return new Pulumi(this.env, new Map([...this.files, [`${project}/${stack}`, file]]));
  }

  /** Arguments by which a command finds a stack, and the file with its configuration where the command reads one. */
  stackArgs({ project, stack }: StackPlace, [command]: readonly string[]): string[] {
    const file = command === "stack" ? undefined : this.files.get(`${project}/${stack}`);
    return ["--stack", stack, ...(file === undefined ? [] : ["--config-file", file])];
  }

  /**
   * Asks something of a stack and gives the answer. It may hold secrets where they were asked for: no error repeats it.
   * @param stdin what must not stand in the arguments.
   * @throws Failure with Pulumi's own words.
   */
  ask(place: StackPlace, args: readonly string[], stdin?: string): Promise<string> {
    return this.answer(place.project, [...args, ...this.stackArgs(place, args)], stdin);
  }

  /** Names of a project's stacks in this backend. @throws Failure with Pulumi's own words. */
  async stacks(project: string): Promise<string[]> {
    return (await this.stackList(project)).map(({ name }) => name);
  }

  /** A project's stacks in this backend. @throws Failure with Pulumi's own words. */
  async stackList(project: string): Promise<StackSummary[]> {
    const stacks = JSON.parse(await this.answer(project, ["stack", "ls", "--json"])) as StackSummary[];
    return stacks.map((stack) => ({ ...stack, name: stack.name.split("/").at(-1) ?? stack.name }));
  }

  /** Where the operator's Pulumi keeps its states, as a URL. @throws Failure with Pulumi's own words. */
  async backendUrl(): Promise<string> {
    // Pulumi puts this before everything else, and says it as it is: one in files need not be asked about.
    const { PULUMI_BACKEND_URL: said = "" } = process.env;
    if (said.startsWith("file://")) return said;
    return (JSON.parse(await this.answer(topProject, ["whoami", "--json"])) as { url: string }).url;
  }

  /** Makes a stack, without selecting it. @throws Failure with Pulumi's own words. */
  async make(place: StackPlace): Promise<void> {
    await this.ask(place, ["stack", "init", "--no-select"]);
  }

  /** This process's environment with the pinned engine first in the path; backend, home and passphrase are the operator's. */
  environment(): NodeJS.ProcessEnv {
    return { ...process.env, ...pathOf(this.env) };
  }

  private answer(project: string, args: readonly string[], stdin?: string): Promise<string> {
    return run("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd: join(checkout, projectFolder(project)),
      env: this.env,
      timeoutMs: boundMs,
      next: "see Pulumi's own message: usually a missing stack, PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE_FILE",
      ...(stdin === undefined ? {} : { stdin }),
    });
  }

  /**
   * Changes a stack, its output shown as it comes; plugins are those of the operator's own Pulumi. An interrupt reaches
   * Pulumi, which ends in order, and not this process.
   * @param out where its standard output goes; default: this process's.
   * @returns its exit code.
   */
  show({ project, stack }: StackPlace, args: readonly string[], out: 1 | 2 = 1): Promise<number> {
    const waitForPulumi = () => {};
    process.on("SIGINT", waitForPulumi);
    return new Promise<number>((resolve, reject) => {
      const child = spawn(
        "pulumi",
        [...args, "--stack", stack, ...(process.stdin.isTTY ? [] : ["--non-interactive"])],
        {
          cwd: join(checkout, projectFolder(project)),
          env: this.environment(),
          // A passphrase may be asked for there.
          stdio: [process.stdin.isTTY ? "inherit" : "ignore", out, 2],
        },
      );
      child.on("error", reject);
      child.on("close", (code) => resolve(code ?? 1));
    }).finally(() => process.off("SIGINT", waitForPulumi));
  }
}

function pathOf({ PATH = "" }: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return PATH === "" ? {} : { PATH };
}
