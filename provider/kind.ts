/**
 * What a resource kind of this plugin has to say for itself. The server (server.ts) does everything that all kinds share:
 * secrets, unknowns, checking, diffing, previews, partial failures.
 */
import type { z } from "zod";
import type { SshTarget } from "../lib/ssh/dial.ts";
import type { Properties, Value } from "./wire.ts";

/** What an operation may use besides its inputs. */
export interface Operation {
  /** URN of the resource at work. */
  urn: string;
  /** Aborted when the user cancels the update. */
  signal: AbortSignal;
  /** The provider's own configuration, as the stack gave it. */
  config: ProviderConfig;
  /** Shows a line in the engine's display of this resource; `status` lines replace each other and are not kept. */
  log(severity: "info" | "warning" | "status", text: string): void;
  /** Notes the version of something that was met, for the evidence of this run. */
  recordVersion(what: "libvirt" | "forge" | "proxmox" | "netbox", version: string): void;
  /** Puts files into the evidence of this run; they hold no secret. Undefined where no evidence is kept or can be written. */
  attachEvidence(files: Readonly<Record<string, string>>): { run: string; directory: string } | undefined;
  /** Adds a row to a file of this run's evidence, a JSON array with the rows of every resource. Secrets are taken out of it. */
  appendEvidence(file: string, appendEvidence: Readonly<Record<string, Value>>): void;
}

/** Configuration of the provider resource. */
export interface ProviderConfig {
  /** API token of the forge; secret. Without it, runners are registered over SSH on the forge host. */
  forgeToken?: string | undefined;
  /** Base URL of the forge that the token belongs to; states of release 0.1 have none. */
  forgeUrl?: string | undefined;
  /** Hypervisors that the stack's libvirt provider connects to, with the host keys that it has met. */
  hypervisors?: (SshTarget & { hostKey: string })[] | undefined;
  /** Addresses that are no VM's of this stack, each with whose it is; see components/vm/whereabouts.ts. */
  siteAddresses?: Readonly<Record<string, string>> | undefined;
  /** URL of the Proxmox VE API. */
  proxmoxEndpoint?: string | undefined;
  /** API token for Proxmox VE, `user@realm!id=uuid`; secret. */
  proxmoxToken?: string | undefined;
  /** Whether a certificate that nobody vouches for is taken there. */
  proxmoxInsecure?: boolean | undefined;
  /** Base URL of NetBox, without `/api`. */
  netboxUrl?: string | undefined;
  /** API token for NetBox, v1 or v2; secret. */
  netboxToken?: string | undefined;
  /** Ways to NetBox where it does not answer directly, the first one first. */
  netboxJumps?: SshTarget[] | undefined;
}

/** State of a resource: its inputs and what became known about it. `drift` lists, in words, what a refresh found wrong. */
export type State<I> = I & { drift?: string[] } & Record<string, unknown>;

/** One resource kind. `I` is the shape of its inputs, `S` of its state. */
export interface ResourceKind<I = Properties, S extends object = State<I>> {
  /** Type token, for example `holdfast:forge:RunnerRegistration`. */
  readonly type: string;
  /** Refuses inputs that cannot work, before anything is changed. */
  readonly inputs: z.ZodType<I> & { readonly shape: Readonly<Record<string, z.ZodType>> };
  /** Outputs that are always secret. */
  readonly secrets: readonly string[];
  /** Outputs that are unknown until the resource was created, each with what a state may have there. */
  readonly computed: Readonly<Record<string, z.ZodType>>;
  /** What a state keeps besides, which no program reads; the same. */
  readonly kept?: Readonly<Record<string, z.ZodType>>;
  /**
   * Computed outputs that an update may change, each with the inputs on which it depends; `drift` and `forcedRun` count as
   * inputs here. The others are stable.
   */
  readonly volatile?: Readonly<Record<string, readonly string[]>>;
  /** Whether a deploy updates it although nothing differs; its state keeps `forcedRun`. See forced-run.ts. */
  readonly reruns?: boolean;
  /** Inputs whose change needs another resource: the old one is deleted first. */
  readonly replaceOn: readonly string[];
  /**
   * Looks, in a preview whose inputs are all known, at what create or update will meet. Must not change anything outside.
   * Throws for what they would refuse, and logs what they would do.
   * @param state of the resource that is to be updated; undefined for a new one.
   * @returns outputs that are certain already, so that the preview need not call them unknown.
   */
  preview?(inputs: I, operation: Operation, state?: S): Promise<Partial<S>>;
  create(inputs: I, operation: Operation): Promise<{ id: string; state: S }>;
  /**
   * What is really there. `undefined` when it is gone. `state` is undefined for an import.
   * A state whose `drift` is not empty makes the next update mend it.
   */
  read(
    id: string,
    state: S | undefined,
    operation: Operation,
  ): Promise<{ id: string; state: S; inputs: I } | undefined>;
  update(id: string, state: S, inputs: I, operation: Operation): Promise<S>;
  delete(id: string, state: S, operation: Operation): Promise<void>;
}

/** A function of this plugin. Runs in previews too, so it must not change anything outside. */
export interface ProviderFunction<I = Properties> {
  /** Token, for example `holdfast:host:preflight`. */
  readonly token: string;
  readonly inputs: z.ZodType<I>;
  invoke(inputs: I, operation: Operation): Promise<Properties>;
}

/**
 * The resource exists but is not ready. Its state is kept, and the next update tries again instead of making a second one.
 */
export class NotReady extends Error {
  constructor(
    message: string,
    readonly id: string,
    readonly state: object,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "NotReady";
  }
}
