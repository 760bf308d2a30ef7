/**
 * How the plugin carries out what resources/ declares. The server (server.ts) does everything that all kinds share: secrets,
 * unknowns, checking, diffing, previews, partial failures.
 */
import type { AnyKind, AnyPluginFunction, ArgumentsOf, InputsOf, ResultOf, StateOf } from "../resources/kind.ts";
import type { ProviderConfig } from "../resources/provider-config.ts";
import type { Value } from "./wire.ts";

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
  appendEvidence(file: string, row: Readonly<Record<string, Value>>): void;
}

/** What a kind does, besides what its declaration says of it. */
export interface Handlers<I, S extends object> {
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

/** A kind with what carries it out. */
export type ResourceKind<K extends AnyKind> = K & Handlers<InputsOf<K>, StateOf<K>>;

/** The same of any kind, whose properties only its own handlers know. */
// biome-ignore lint/suspicious/noExplicitAny: what a kind takes is checked by its schema when it runs.
export type AnyResourceKind = AnyKind & Handlers<any, any>;

/** Carries a declared kind out. */
export function implement<K extends AnyKind>(kind: K, handlers: Handlers<InputsOf<K>, StateOf<K>>): ResourceKind<K> {
  return { ...kind, ...handlers };
}

/** A function with what carries it out. Runs in previews too, so it must not change anything outside then. */
export type ProviderFunction<F extends AnyPluginFunction> = F & {
  invoke(inputs: ArgumentsOf<F>, operation: Operation): Promise<ResultOf<F>>;
};

/** The same of any function. */
// biome-ignore lint/suspicious/noExplicitAny: as of kinds.
export type AnyProviderFunction = AnyPluginFunction & { invoke(inputs: any, operation: Operation): Promise<any> };

/** Carries a declared function out. */
export function implementFunction<F extends AnyPluginFunction>(
  declared: F,
  invoke: ProviderFunction<F>["invoke"],
): ProviderFunction<F> {
  return { ...declared, invoke };
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
