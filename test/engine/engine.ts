/**
 * The real engine for tests: a backend, a home and a passphrase of their own, thrown away afterwards.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { parse, stringify } from "yaml";
import { projectNames } from "../../cli/projects.ts";
import { cacheDirectory } from "../../lib/cache.ts";
import { programParts } from "../../release/checkout.ts";
import { ensureToolchain, type ToolName } from "../../toolchain/index.ts";

const checkout = join(import.meta.dirname, "../..");

/** How a Pulumi command ended. */
export interface EngineResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Outputs of a stack, by name. */
// biome-ignore lint/suspicious/noExplicitAny: of many programs, looked at by tests alone.
export type Outputs = Record<string, any>;

/** A throw-away workspace with the real engine. */
export class Engine {
  private constructor(
    /** The clone that the projects run in. */
    readonly directory: string,
    /** Environment of every command. */
    readonly env: Record<string, string>,
  ) {}

  /**
   * Opens a workspace with a clone of the projects, and no plugin but those that a project names by path and those of
   * `plugins`.
   */
  static async open(...plugins: Exclude<ToolName, "pulumi" | "gitea">[]): Promise<Engine> {
    const toolchain = await ensureToolchain(["pulumi", ...plugins]);
    const root = mkdtempSync(join(tmpdir(), "holdfast-engine-"));
    const directory = join(root, "clone");
    mkdirSync(directory);
    for (const part of [...programParts(checkout).filter((part) => part !== "stacks"), "test/engine/programs"]) {
      cpSync(join(checkout, part), join(directory, part), { recursive: true, preserveTimestamps: true });
    }
    // The checkout's own stack files stay where they are: they may be those of a real site.
    for (const project of projectNames) mkdirSync(join(directory, "stacks", project), { recursive: true });
    symlinkSync(join(checkout, "node_modules"), join(directory, "node_modules"));
    for (const part of ["state", "home"]) mkdirSync(join(root, part));
    return new Engine(directory, {
      ...toolchain.env,
      // The engine lives for seconds: collecting its garbage is a third of what its short commands cost.
      GOGC: "400",
      HOME: join(root, "home"),
      XDG_STATE_HOME: join(root, "home", ".local", "state"),
      PULUMI_BACKEND_URL: `file://${join(root, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "only for this test",
    });
  }

  /** Directory of its backend. */
  get stateDirectory(): string {
    return (this.env.PULUMI_BACKEND_URL ?? "").slice("file://".length);
  }

  /** Runs Pulumi in a folder of the clone. Never throws for a failing command; bounded by two minutes. */
  async pulumi(project: string, ...args: string[]): Promise<EngineResult> {
    const result = await execa("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd: this.folder(project),
      env: { ...process.env, ...this.env },
      reject: false,
      stdin: "ignore",
      timeout: 120_000,
    });
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  }

  /** Begins to run Pulumi in a folder of the clone, in a session of its own, for a test that ends it. */
  begin(project: string, ...args: string[]) {
    return execa("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd: this.folder(project),
      env: { ...process.env, ...this.env },
      reject: false,
      stdin: "ignore",
      detached: true,
      timeout: 120_000,
    });
  }

  /** Runs `holdfast` in the clone. Never throws for a failing command; bounded by two minutes. */
  holdfast(...args: string[]): Promise<EngineResult> {
    return this.holdfastWith({}, ...args);
  }

  /** The same with a standard input, and with more of an environment. */
  async holdfastWith(
    { input, env = {} }: { input?: string; env?: Record<string, string> },
    ...args: string[]
  ): Promise<EngineResult> {
    const result = await execa("node", ["cli/holdfast.js", ...args], {
      cwd: this.directory,
      env: { ...process.env, ...this.env, HOLDFAST_CACHE: cacheDirectory(), ...env },
      reject: false,
      ...(input === undefined ? { stdin: "ignore" as const } : { input }),
      timeout: 120_000,
    });
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  }

  /** Like `pulumi`, for commands that have to work: a failure shows what Pulumi said. */
  async must(project: string, ...args: string[]): Promise<string> {
    const result = await this.pulumi(project, ...args);
    if (result.exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} failed:\n${result.stdout}\n${result.stderr}`);
    return result.stdout;
  }

  /**
   * Makes a stack.
   * @param plain values of its file, by key without the project's name.
   * @param secret values that Pulumi encrypts.
   */
  async init(
    project: string,
    stack: string,
    plain: Record<string, unknown> = {},
    secret: Record<string, string> = {},
  ): Promise<void> {
    const { name } = this.settings(project);
    await this.must(project, "stack", "init", stack);
    const values = Object.entries(plain).map(([key, value]) => [`${name}:${key}`, value]);
    if (values.length > 0) this.configure(project, stack, Object.fromEntries(values));
    const pairs = Object.entries(secret).flatMap(([key, value]) => ["--secret", `${key}=${value}`]);
    if (pairs.length > 0) await this.must(project, "config", "set-all", "--stack", stack, ...pairs);
  }

  /**
   * Puts values into a stack's file, structures as they are; undefined takes one out. What `pulumi config` does, without the
   * process that computes its encryption's key each time.
   */
  configure(project: string, stack: string, values: Record<string, unknown>): void {
    const { stackFiles } = this.settings(project);
    const file = join(stackFiles, `Pulumi.${stack}.yaml`);
    const content = (existsSync(file) ? parse(readFileSync(file, "utf8")) : {}) as { config?: object };
    writeFileSync(file, stringify({ ...content, config: { ...content.config, ...values } }));
  }

  /** Where a project's Pulumi.yaml is: that of `foundation`, or `.`, in the top folder. */
  private folder(project: string): string {
    return join(this.directory, project === "foundation" ? "." : project);
  }

  /** Name of a project, and where its stacks' files are. */
  private settings(project: string): { name: string; stackFiles: string } {
    const folder = this.folder(project);
    const { name, stackConfigDir = "." } = parse(readFileSync(join(folder, "Pulumi.yaml"), "utf8"));
    return { name, stackFiles: join(folder, stackConfigDir) };
  }

  /** Writes a file into the top folder of the clone. */
  write(name: string, content: string): void {
    writeFileSync(join(this.directory, name), content);
  }

  /** Makes a stack's file a copy of one that the repository ships. */
  copyStackFile(project: string, from: string, stack: string): void {
    cpSync(
      join(checkout, "stacks", project, `Pulumi.${from}.yaml`),
      join(this.directory, "stacks", project, `Pulumi.${stack}.yaml`),
    );
  }

  /** The checkpoint as it lies on disk, secrets encrypted; as `pulumi stack export` gives it. */
  async state(project: string, stack: string): Promise<string> {
    const { name } = this.settings(project);
    const file = join(this.stateDirectory, ".pulumi", "stacks", name, `${stack}.json`);
    const { version, checkpoint } = JSON.parse(readFileSync(file, "utf8"));
    return JSON.stringify({ version, deployment: checkpoint.latest ?? {} });
  }

  /** The outputs of a stack's last update, secrets encrypted; `pulumi stack output` shows them otherwise as they are. */
  async outputs(project: string, stack: string): Promise<Outputs> {
    const { deployment } = JSON.parse(await this.state(project, stack));
    const resources = (deployment.resources ?? []) as { type: string; outputs?: Outputs }[];
    return resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs ?? {};
  }

  close(): void {
    rmSync(join(this.directory, ".."), { recursive: true, force: true });
  }
}
