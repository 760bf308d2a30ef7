/**
 * What a project says of itself, in the `project.ts` of its folder. A declaration is data: it reads no package, so that every
 * command may look at all of them. cli/projects.ts lists them.
 */
import type { ConfigShape } from "./config/strict.ts";
import type { Check } from "./preflight/check.ts";

/** A contract that a project reads, and how its configuration says where the contract is. */
export interface ConsumedContract {
  /** Its name with version, for example `site@1`. */
  readonly contract: string;
  /** Configuration key that names the stack which exports it. */
  readonly stackKey?: string;
  /** Configuration key that names a file which holds it. */
  readonly fileKey?: string;
  /**
   * The stack which exports it, where the value of `stackKey` is not its name, or another key decides whether there is one.
   * @param values of the configuration, by key, as a stack file has them.
   * @param env environment that is worked in; empty without one.
   * @returns undefined where none is read.
   */
  stackOf?(values: Readonly<Record<string, unknown>>, env: string): string | undefined;
}

/** A stack's configuration, as far as the need for a secret may depend on it. */
export interface StatedConfig {
  /** Keys that the stack's own configuration has. */
  readonly keys: readonly string[];
  /** A key's value as the program would get it; its default where the stack says none, undefined where it cannot be used. */
  value(key: string): unknown;
}

/** Whether a stack needs a secret. */
export type SecretNeed = (stated: StatedConfig) => boolean;

/** The need for a secret without which no stack of the project can be. */
export const always: SecretNeed = () => true;

/**
 * What `holdfast preflight` looks at in a stack, in the order in which it is shown, by the names that cli/preflight/preflight.ts gives
 * its looks.
 */
export interface Preflight {
  /** What an update depends on. */
  readonly required: readonly string[];
  /** What it may do without: it fails only with `--strict`. */
  readonly optional: readonly string[];
}

/** What looks gave: each a list of checks, by the look's name. */
export type Looks<Name extends string> = { readonly [N in Name]: readonly Check[] };

/** How stacks of a project are named. */
export interface StackNaming {
  /** What there is one stack of, for example `environment`. */
  readonly each: string;
  /** For example `dev`. */
  readonly example: string;
}

/** A project: a Pulumi program of this repository, with its stacks. */
export interface Project {
  /** Its name for Pulumi, and the folder of its program. */
  readonly name: string;
  /** One sentence, as its Pulumi.yaml has it. */
  readonly summary: string;
  /** How the runbooks name what it does, for references such as `platform/onprem/platform-vm#onprem_ops_runner`. */
  readonly runbookModule?: string;
  readonly stacks: StackNaming;
  /** The contract that its stacks export, with version. */
  readonly produces: string;
  readonly consumes: readonly ConsumedContract[];
  /** What its program reaches over the network, and how; empty: an update needs no network at all. */
  readonly dials: readonly string[];
  /** Packages beside Pulumi's own whose resources its states have. */
  readonly packages: readonly string[];
  /** Every secret key of its configuration, with who needs it: `holdfast secrets ensure` asks for those that are needed and missing. */
  readonly secrets: Readonly<Record<string, SecretNeed>>;
  /** Absent where there is nothing to look at beside the configuration. */
  readonly preflight?: Preflight;
  /** Every key of its configuration. Read only when asked for: the shapes take a tenth of a second. */
  configuration(): Promise<ConfigShape>;
}

/** The project whose Pulumi.yaml is in the top folder, so that `pulumi` there means it. */
export const topProject = "foundation";

/** Where the `Pulumi.yaml` of a project is, from the top folder. */
export function projectFolder(name: string): string {
  return name === topProject ? "." : name;
}

/** The same in words, for messages. */
export function projectFolderText(name: string): string {
  return name === topProject ? "the top folder" : `${name}/`;
}
