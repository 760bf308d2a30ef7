/**
 * One look at an operations runner, in one round trip: what it runs, what is installed, whose it is. Changes nothing.
 */
import { createHash } from "node:crypto";
import { shellScript } from "../../lib/shell.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";
import type { OperationsInputs } from "../../resources/runner/operations-toolchain.ts";
import { dropInPath, dropInText, type Marker, markerSchema, pathsOf, systemLink } from "./operations-paths.ts";

/** What is there. */
export interface Observation {
  /** From /etc/os-release; empty where it is missing. */
  osId: string;
  osVersion: string;
  osName: string;
  /** Whether the prefix has anything in it. */
  filled: boolean;
  /** Undefined where there is none, or none that can be read. */
  marker: Marker | undefined;
  /** SHA-256 of the release that `current` leads to and that has its commands; empty without. */
  current: string;
  /** Where the system link leads; empty without one. */
  link: string;
  /** SHA-256 of the drop-in and its first line; empty without one. */
  dropIn: string;
  dropInHead: string;
}

/** Looks; it prints `name=value` lines. */
const look = shellScript(import.meta.dirname, "look.sh");

/** Looks. */
export async function observe(connection: SshConnection, prefix: string): Promise<Observation> {
  const { marker, current } = pathsOf(prefix);
  const lines = (await connection.must(look.call(prefix, marker, current, dropInPath, systemLink))).split("\n");
  const values = new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
  const text = (name: string) => values.get(name) ?? "";
  return {
    ...{ osId: text("osId"), osVersion: text("osVersion"), osName: text("osName") },
    filled: text("filled") !== "",
    marker: markerOf(text("marker")),
    ...{ current: text("current"), link: text("link"), dropIn: text("dropIn"), dropInHead: text("dropInHead") },
  };
}

function markerOf(text: string): Marker | undefined {
  try {
    return markerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What keeps the toolchain off this machine, in words; undefined where nothing does. Pure. */
export function objection(inputs: OperationsInputs, seen: Observation): string | undefined {
  return wrongSystem(inputs, seen) ?? taken(inputs, seen);
}

/** Says what the machine runs, where that is not what it has to; undefined otherwise. Pure. */
export function wrongSystem(inputs: OperationsInputs, { osId, osVersion, osName }: Observation): string | undefined {
  const ubuntu = osId === "ubuntu" && /\bLTS\b/.test(osVersion);
  if (ubuntu || (inputs.os === "debian" && osId === "debian")) return undefined;
  const found = osName || "something without /etc/os-release";
  return `the runner path is pinned to Ubuntu LTS, and ${inputs.vm} runs ${found}; build it from an Ubuntu LTS template (template_key: ubuntu-22.04 or ubuntu-24.04)`;
}

/** Says which of the places that it needs is somebody else's; undefined where none is. Pure. */
export function taken(inputs: OperationsInputs, seen: Observation): string | undefined {
  return foreign(inputs, seen) ?? foreignPath(inputs, seen);
}

/** Says which of the paths outside the prefix is somebody else's; undefined where none is in the way. Pure. */
function foreignPath({ owner, prefix, vm, ...wants }: OperationsInputs, seen: Observation): string | undefined {
  if (wants.systemLink && seen.link !== "" && seen.link !== linkTarget(prefix)) {
    return `${systemLink} on ${vm} leads to ${seen.link}, and this stack did not make it; remove it, or set runner_system_link to false`;
  }
  if (wants.gatewayPorts && seen.dropIn !== "" && !isOurDropIn(owner, seen)) {
    return `${dropInPath} on ${vm} is not this stack's; move it away, or set runner_sshd_gateway_ports to false`;
  }
  return undefined;
}

/** Says whose the prefix is, where it is not this stack's. Pure. */
export function foreign({ owner, prefix, vm }: OperationsInputs, { filled, marker }: Observation): string | undefined {
  if (marker && marker.owner !== owner) {
    return `${prefix} on ${vm} belongs to ${marker.owner}; set runner_state to absent there, or another runner_install_prefix here`;
  }
  if (filled && !marker) {
    return `${prefix} on ${vm} has something in it that holdfast did not put there; move it away, or set another runner_install_prefix`;
  }
  return undefined;
}

/** What a refresh finds wrong, in words. Pure. */
export function wrongWith(inputs: OperationsInputs, seen: Observation): string[] {
  const { owner, prefix, release, systemLink: wantsLink, gatewayPorts } = inputs;
  const ours = seen.marker?.owner === owner;
  const linked = seen.link === linkTarget(prefix);
  if (inputs.state === "absent") {
    return said({
      [`${prefix} is there again`]: ours,
      [`${systemLink} is there again`]: linked,
      [`${dropInPath} is there again`]: isOurDropIn(owner, seen),
    });
  }
  const sha256 = release?.sha256 ?? "";
  return said({
    [`${prefix} has no marker of this stack: the VM was rebuilt, or it was removed`]: !ours,
    "the release was not proven to run there": ours && seen.marker?.release !== sha256,
    [`${prefix}/current does not lead to the release`]: seen.current !== sha256,
    [`${systemLink} does not lead to the release`]: wantsLink && !linked,
    [`${systemLink} is there, and is not wanted`]: !wantsLink && linked,
    [`${dropInPath} was changed or removed`]: gatewayPorts && seen.dropIn !== digestOf(dropInText(owner)),
    [`${dropInPath} is there, and is not wanted`]: !gatewayPorts && isOurDropIn(owner, seen),
  });
}

/** Where the system link of a prefix leads. */
export function linkTarget(prefix: string): string {
  return `${pathsOf(prefix).current}/bin/holdfast`;
}

/** Whether the drop-in is this stack's, whatever else it says. */
export function isOurDropIn(owner: string, { dropInHead }: Observation): boolean {
  return dropInHead === dropInText(owner).split("\n")[0];
}

/** SHA-256 of a text, 64 hexadecimal digits. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function said(wrong: Record<string, boolean>): string[] {
  return Object.entries(wrong).flatMap(([text, holds]) => (holds ? [text] : []));
}
