/**
 * What this workstation knows of a job's stacks: what was sent, what the configuration names, which host keys were met. What a
 * runner brings home is held against it.
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { knownHostsFile } from "../../../lib/ssh/known-hosts.ts";
import { evidenceRoot } from "../../../provider/evidence/directory.ts";
import { hasState, outputsAlone, readCheckpoint } from "../../backend.ts";
import { readRecord } from "../../blueprint/record.ts";
import { readStackFile } from "../../blueprint/stack-file.ts";
import { checkout, type StackPlace } from "../../pulumi.ts";
import type { Job } from "../job.ts";
import { needsOfPlan } from "../needs.ts";
import type { Files } from "../tarball.ts";
import { wordsOf } from "./checkpoint.ts";
import type { Here, StackHere } from "./plan.ts";
import { projectPackages, projectPlugins } from "./plugins.ts";

/** A public key in a configuration, or in the outputs of a stack. */
const publicKey = /\b(?:ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/]+={0,3}/g;

/** Looks. */
export function lookHere(job: Job, rebased: Here["rebased"]): Here {
  const needs = needsOfPlan(job);
  const texts = [
    job.file,
    ...needs.files.map((path) => join(checkout, path)),
    ...job.steps.map((step) => readStackFile(step).path),
  ]
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, "utf8"));
  const { backend: root } = job;
  const states = root === undefined ? [] : needs.reads.filter((place) => hasState(root, place));
  const read = states.map((place) => outputsAlone(readCheckpoint(root ?? "", place).text));
  const given = [...texts, JSON.stringify(job.steps), ...read].join("\n");
  return {
    stacks: new Map(job.steps.map((step) => [`${step.project}/${step.stack}`, stackHere(step, root, given)])),
    reads: new Map(
      needs.reads.map(({ project, stack }) => [`${project}/${stack}`, textOf(knownHostsFile(`${project}/${stack}`))]),
    ),
    evidence: (owner, run) => filesIn(join(evidenceRoot(), owner, run)),
    evidenceRoot: evidenceRoot(),
    record: readRecord(job.ref, job.env),
    now: Date.now(),
    rebased,
  };
}

function stackHere(place: StackPlace, root: string | undefined, given: string): StackHere {
  const { project, stack } = place;
  const sent = root !== undefined && hasState(root, place) ? readCheckpoint(root, place).text : undefined;
  return {
    ...{ sent, secretsProviders: secretsProvidersOf(readStackFile(place).path), packages: projectPackages(project) },
    plugins: projectPlugins(project),
    given: wordsOf(`${given}\n${sent ?? ""}`),
    pinned: new Set(given.match(publicKey)),
    knownHosts: textOf(knownHostsFile(`${project}/${stack}`)),
  };
}

/** The secrets providers that a stack's file names, as a state has them. */
function secretsProvidersOf(path: string): object[] {
  if (!existsSync(path)) return [];
  const { encryptionsalt, secretsprovider, encryptedkey } = (parse(readFileSync(path, "utf8")) ?? {}) as Record<
    string,
    unknown
  >;
  return [
    ...(typeof encryptionsalt === "string" ? [{ type: "passphrase", state: { salt: encryptionsalt } }] : []),
    ...(typeof secretsprovider === "string" ? [{ type: "cloud", state: { url: secretsprovider, encryptedkey } }] : []),
  ];
}

function textOf(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, "utf8") : "";
}

function filesIn(directory: string): Files {
  if (!existsSync(directory)) return new Map();
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ name }) => [name, readFileSync(join(directory, name))]));
}
