/**
 * What a job gets: the blueprint, the configuration and states of its stacks, what they read of others, known host keys, the
 * blueprint's record. Nothing else of the workstation is sent. Secrets go another way, into memory.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Failure } from "../../lib/failure.ts";
import { fileOf, passedVariable } from "../../lib/secret-environment.ts";
import { shellQuote } from "../../lib/shell.ts";
import { keyPathVariable } from "../../lib/ssh/dial.ts";
import { knownHostsFile } from "../../lib/ssh/known-hosts.ts";
import { stateRoot } from "../../lib/state-root.ts";
import { type Backend, checkpointPath, hasState, outputsAlone, readCheckpoint } from "../backend.ts";
import type { LoadedBlueprint } from "../blueprint/load.ts";
import { placeOf } from "../blueprint/record.ts";
import { readStackFile } from "../blueprint/stack-file.ts";
import { checkout, type StackPlace } from "../pulumi.ts";
import type { Needs } from "./needs.ts";

/** Environment variables that name a certificate authority's file: what is trusted here is trusted there. */
const certificateVariables = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"];
/** Set for the job by its own script. */
const reserved =
  /^(HOME|PATH|HYOPS_ENV|XDG_\w+|HOLDFAST_\w+|PULUMI_(BACKEND_URL|HOME|CONFIG_PASSPHRASE(_FILE)?)|RUNNER_SSH_KEY_PATH)$/;

/** Paths of a job's directory by what they are, from its top. */
export const jobPlaces = {
  blueprint: "blueprint.yml",
  programs: "holdfast",
  backend: "backend",
  home: "home",
  knownHosts: "home/.config/holdfast/known_hosts",
  state: "home/.local/state/holdfast",
} as const;

/** Certificates' files for a job by their name there, and the variables that name them. */
export function certificatesOf(env: NodeJS.ProcessEnv = process.env): {
  files: Map<string, Buffer>;
  names: Record<string, string>;
} {
  const files = new Map<string, Buffer>();
  const names: Record<string, string> = {};
  for (const variable of certificateVariables) {
    const path = env[variable];
    if (!path) continue;
    if (!existsSync(path)) throw new Failure(`${variable} names ${path}, which is not there`, `unset ${variable}`);
    names[variable] = `${variable.toLowerCase()}.pem`;
    files.set(names[variable], readFileSync(path));
  }
  return { files, names };
}

/** The files of a job beside its script. */
export function jobContent({ plan, file }: LoadedBlueprint, needs: Needs, backend: Backend): Map<string, Buffer> {
  const files = new Map<string, Buffer>([[jobPlaces.blueprint, readFileSync(file.path)]]);
  const add = (name: string, path: string) => existsSync(path) && files.set(name, readFileSync(path));
  for (const step of plan.steps) {
    const { path } = readStackFile(step);
    add(join(jobPlaces.programs, relative(checkout, path)), path);
  }
  for (const path of needs.files) {
    if (!add(join(jobPlaces.programs, path), join(checkout, path)))
      throw new Failure(`there is no file ${join(checkout, path)}`);
  }
  if (backend.kind === "files") addStates(files, backend.root, plan.steps, needs.reads);
  for (const { project, stack } of [...plan.steps, ...needs.reads]) {
    const name = `${project}/${stack}`;
    add(join(jobPlaces.knownHosts, name), knownHostsFile(name));
  }
  const record = `${placeOf(plan.ref, plan.env)}.json`;
  add(join(jobPlaces.state, relative(stateRoot(), record)), record);
  return files;
}

function addStates(
  files: Map<string, Buffer>,
  root: string,
  steps: readonly StackPlace[],
  reads: readonly StackPlace[],
) {
  const set = (name: string, text: string) => files.set(join(jobPlaces.backend, name), Buffer.from(text));
  set(".pulumi/meta.yaml", "version: 1\n");
  for (const place of steps) if (hasState(root, place)) set(checkpointPath(place), readCheckpoint(root, place).text);
  for (const place of reads) set(checkpointPath(place), outputsAlone(readCheckpoint(root, place).text));
}

/** Secrets of a job, as files of its directory in memory. */
export interface JobSecrets {
  files: Map<string, Buffer>;
  hasKey: boolean;
  hasPassphrase: boolean;
}

/**
 * The secrets that a job needs: the passphrase of the stacks, the key to their machines, and variables that were asked for.
 * @param passed names of environment variables.
 * @throws Failure with everything that is wrong with them; no value is repeated.
 */
export function jobSecrets(passed: readonly string[], env: NodeJS.ProcessEnv = process.env): JobSecrets {
  const files = new Map<string, Buffer>();
  const problems: string[] = [];
  const read = (variable: string): Buffer | undefined => {
    const path = fileOf(variable, env);
    if (path === undefined) return undefined;
    if (existsSync(path)) return readFileSync(path);
    problems.push(`${variable} names ${path}, which is not there`);
    return undefined;
  };
  const { PULUMI_CONFIG_PASSPHRASE: said } = env;
  const passphrase = said === undefined ? read("PULUMI_CONFIG_PASSPHRASE_FILE") : Buffer.from(said);
  if (passphrase) files.set("passphrase", passphrase);
  const key = read(keyPathVariable);
  if (key) files.set("key", key);
  const lines = passed.map((name) => {
    if (!/^[A-Za-z_]\w*$/.test(name) || reserved.test(name))
      problems.push(`--pass-env ${name}: is not for you to set on a runner`);
    else if (env[name] === undefined) problems.push(`--pass-env ${name}: is not set here`);
    return `${name}=${shellQuote(env[name] ?? "")}; export ${name}\n`;
  });
  if (problems.length > 0) throw new Failure(`nothing was sent:${problems.map((line) => `\n  - ${line}`).join("")}`);
  // Whatever they are called, their values are hidden there.
  lines.push(`${passedVariable}=${shellQuote(passed.join(" "))}; export ${passedVariable}\n`);
  files.set("environment", Buffer.from(lines.join("")));
  return { files, hasKey: key !== undefined, hasPassphrase: passphrase !== undefined };
}
