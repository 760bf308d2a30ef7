/**
 * Contracts between stacks: what a producer exports and a consumer reads, with a version. The producer validates before
 * it exports, the consumer after it reads. Data moves one way only, and never carries the value of a secret.
 */
import { existsSync, readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { ProgramError } from "../program-error.ts";
import { projectFolderText } from "../project.ts";

/** A contract: its name with version, the stack output that carries it, and its shape. */
export interface Contract<S extends z.ZodType> {
  /** For example `site@1`. */
  readonly version: string;
  /** Name of the stack output. */
  readonly output: string;
  /** Project that produces it. */
  readonly producer: string;
  readonly schema: S;
  /** Command that writes it as a file, where no stack exports it. */
  readonly command?: string;
}

/** Where a consumer finds a contract. */
export interface ContractSource {
  /** Name of the producing stack in the same backend. */
  stack?: string | undefined;
  /** Path of a file with the contract in JSON, where the producer's backend is out of reach. */
  file?: string | undefined;
}

/**
 * Checks what a program is about to export.
 * @throws listing every field that does not fit; nothing is exported then.
 */
export function produce<S extends z.ZodType>(contract: Contract<S>, value: z.input<S>): z.output<S> {
  return checkContract(contract, value, "this stack would export");
}

/** Reads a contract from its stack or its file. Gives undefined when neither is named. */
export async function consume<S extends z.ZodType>(
  contract: Contract<S>,
  source: ContractSource,
): Promise<z.output<S> | undefined> {
  if (source.stack !== undefined) return readStack(contract, source.stack);
  if (source.file !== undefined) return readFile(contract, source.file);
  return undefined;
}

/**
 * What a StackReference resource reads, by the function behind it: an answer to a function can be caught and explained,
 * while a failing resource ends the program with the engine's words alone.
 */
async function readStack<S extends z.ZodType>(contract: Contract<S>, stack: string): Promise<z.output<S>> {
  const name = `organization/${contract.producer}/${stack}`;
  const make = `make it with: pulumi up --stack ${stack} in ${projectFolderText(contract.producer)}`;
  const { outputs } = await pulumi.runtime
    .invoke("pulumi:pulumi:readStackOutputs", { name })
    .catch((error: Error): { outputs: Record<string, unknown> } => {
      throw new ProgramError(`cannot read stack ${name}: ${error.message}; ${make}`);
    });
  const value: unknown = outputs[contract.output];
  if (value === undefined || value === null) {
    throw new ProgramError(`stack ${name} exports no ${contract.output} (${contract.version}); ${make}`);
  }
  return checkContract(contract, value, `stack ${name} exports`);
}

function readFile<S extends z.ZodType>(contract: Contract<S>, file: string): z.output<S> {
  if (!existsSync(file)) {
    const exported = `write it on the producer's side: pulumi stack output ${contract.output} --json > ${file}`;
    const how = contract.command ? `write it: ${contract.command} ${file}` : exported;
    throw new ProgramError(`there is no contract file ${file}; ${how}`);
  }
  return checkContract(contract, parsed(file), `file ${file} holds`);
}

/** The file's JSON. The parser's own words are left out: they quote what they stumbled over. */
function parsed(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ProgramError(`cannot read contract file ${file}: ${(error as Error).message}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ProgramError(`contract file ${file} is not JSON`);
  }
}

/**
 * Checks a value that was read.
 * @param where begins the error, for example `file site.json holds`.
 * @throws listing every field that does not fit.
 */
export function checkContract<S extends z.ZodType>(contract: Contract<S>, value: unknown, where: string): z.output<S> {
  const result = contract.schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `  - ${[contract.output, ...issue.path.map(String)].join(".")}: ${issue.message}`,
  );
  throw new ProgramError(`${where} something that is not ${contract.version}:\n${problems.join("\n")}`);
}
