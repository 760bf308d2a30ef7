/**
 * Inputs and state of an operations toolchain, and the paths that it has on its VM.
 */
import { z } from "zod";
import { line, ownerName, plainName, plainUrl, word } from "../../lib/text.ts";
import type { State } from "../kind.ts";
import { sshTarget } from "../ssh/target.ts";

/** Where a toolchain may be: below a directory of its own, for it is removed as a whole. */
const prefixPattern = /^(\/[A-Za-z0-9_][\w.-]*){2,}$/;

export const operationsInputs = z.strictObject({
  /** Owner mark of the stack: nothing that another one put there is touched. */
  owner: ownerName,
  /** Logical name of the VM. */
  vm: plainName,
  /** Digest of what makes it this machine and no other: another one is installed anew. */
  identity: word,
  /** How to log in; `user` is who uses the toolchain. */
  target: sshTarget,
  /** Whether the straight way may be taken. */
  direct: z.boolean(),
  /** The jump host that the configuration names. */
  jump: sshTarget.optional(),
  /** The hypervisor as a jump host; tried last. */
  bastion: sshTarget.optional(),
  /** Bound on one stage of one attempt to log in, in seconds. */
  timeoutSeconds: z.number().min(0.1),
  /** How long logging in may take, in seconds; 0 is one attempt. */
  waitSeconds: z.number().min(0),
  /** `absent`: whatever was installed is removed. */
  state: z.enum(["present", "absent"]),
  /** Directory of the toolchain, absolute, at least two levels deep. */
  prefix: z.string().regex(prefixPattern, "expected an absolute path of at least two plain names"),
  /** What the VM has to run. */
  os: z.enum(["ubuntu-lts", "debian"]),
  /** What is installed; absent where nothing is to be. */
  release: z
    .strictObject({
      /** Of the archive: 64 hexadecimal digits. */
      sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256 in 64 hexadecimal digits"),
      /** Where the VM fetches it. Absent: it is sent from this workstation's cache, which has it under its digest. */
      url: plainUrl(/^https?$/, "expected http(s)://… with a plain host").optional(),
    })
    .optional(),
  /** Whether /usr/local/bin/holdfast leads to it. */
  systemLink: z.boolean(),
  /** Whether sshd lets remote forwards listen on more than loopback. */
  gatewayPorts: z.boolean(),
});

/** Inputs of an operations toolchain. */
export type OperationsInputs = z.infer<typeof operationsInputs>;

/** State of an operations toolchain. */
export type OperationsState = State<OperationsInputs> & {
  status: "ok" | "absent" | "error";
  /** What `holdfast --version` said on the VM. */
  version: string;
  /** The VM's public host key that was met; empty where it was not. */
  hostKey: string;
  /** The way that led there, so that the next look takes it first. */
  route: string;
  /** Of the run that worked on it; empty where no evidence could be written. */
  runId: string;
  evidenceDir: string;
  /** The deploy that forced that run; empty where none did. */
  forcedRun: string;
};

/** Every output that is no input. */
export const operationsOutputs = {
  status: z.enum(["ok", "absent", "error"]),
  version: line,
  hostKey: sshTarget.shape.hostKey.unwrap(),
  route: line,
  runId: line,
  evidenceDir: line,
  forcedRun: line,
};

/** The inputs in a state. */
export function inputsOf(state: OperationsState): OperationsInputs {
  const names = Object.keys(operationsInputs.shape);
  return operationsInputs.parse(Object.fromEntries(Object.entries(state).filter(([name]) => names.includes(name))));
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
