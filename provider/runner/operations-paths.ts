/**
 * What an operations toolchain has on its VM: paths, marker, drop-in; and the inputs in its state.
 */

import { z } from "zod";
import {
  type OperationsInputs,
  type OperationsState,
  operationsToolchainKind,
} from "../../resources/runner/operations-toolchain.ts";

/** The inputs in a state. */
export function inputsOf(state: OperationsState): OperationsInputs {
  const { inputs: schema } = operationsToolchainKind;
  const names = Object.keys(schema.shape);
  return schema.parse(Object.fromEntries(Object.entries(state).filter(([name]) => names.includes(name))));
}

/** Link by which everybody finds the command. */
export const systemLink = "/usr/local/bin/holdfast";
/** The drop-in for sshd. */
export const dropInPath = "/etc/ssh/sshd_config.d/90-holdfast-runner.conf";

/** The drop-in's text; its first line says whose it is. */
export function dropInText(owner: string): string {
  return `# Made by holdfast for ${owner}\nGatewayPorts clientspecified\n`;
}

/** Paths of a toolchain. */
export function pathsOf(prefix: string) {
  return {
    prefix,
    /** Says whose it is and what is installed; there first, and gone last. */
    marker: `${prefix}/.holdfast-runner.json`,
    /** 0700: archives on their way. */
    stage: `${prefix}/.stage`,
    releases: `${prefix}/releases`,
    /** Symbolic link to the release in use. */
    current: `${prefix}/current`,
  };
}

/** What the marker says. */
export const markerSchema = z.strictObject({
  owner: z.string(),
  /** SHA-256 of the release in use, once it is proven to run. */
  release: z.string().optional(),
  /** The release before it, which is kept. */
  previous: z.string().optional(),
});

/** What the marker says. */
export type Marker = z.infer<typeof markerSchema>;
