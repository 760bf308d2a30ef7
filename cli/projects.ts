/**
 * The projects of this repository, each behind those whose contracts it reads: the one list of them. Commands, the schema
 * writer, the tests' bundles and the documentation derive theirs from it; a release, which may be of another checkout, takes
 * the folders that hold a program (release/checkout.ts), and a test holds the two against each other.
 */
import { foundation } from "../foundation/project.ts";
import type { Project } from "../lib/project.ts";
import { opsRunner } from "../ops-runner/project.ts";
import { platformVm } from "../platform-vm/project.ts";
import { runners } from "../runners/project.ts";
import { templateImage } from "../template-image/project.ts";

const listed = [foundation, templateImage, platformVm, opsRunner, runners] as const satisfies readonly Project[];

/** A project of the list, with what exactly it declares. */
export type ListedProject = (typeof listed)[number];

/** Every project. */
export const projects: readonly Project[] = listed;

/** Their names, for messages. */
export const projectNames: readonly string[] = projects.map(({ name }) => name).toSorted();

/** The project of a name; undefined for one that is not of this repository. */
export function projectNamed(name: string): Project | undefined {
  return projects.find((project) => project.name === name);
}

/** The project that does what a module of the runbooks did; undefined for another module. */
export function projectOfModule(module: string): Project | undefined {
  return projects.find(({ runbookModule }) => runbookModule === module);
}

/** Which project exports a contract; undefined for one that no stack does. */
export function producerOf(contract: string): Project | undefined {
  return projects.find(({ produces }) => produces === contract);
}
