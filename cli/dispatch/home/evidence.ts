/**
 * Whether a run's evidence is of the job that it came home with: under the name of one of its stacks or of its blueprint, of the time
 * in which the job ran, as its own manifest says, and not over a run that is here. Pure.
 */
import { z } from "zod";
import { runName } from "../../../provider/evidence/directory.ts";
import { fileDifferences } from "../../../provider/evidence/verify.ts";
import type { Files } from "../tarball.ts";
import { quoted } from "./checkpoint.ts";
import type { RunFiles } from "./sets.ts";

/** Milliseconds by which the clocks of workstation and runner may differ. */
const skewMs = 3_600_000;

const about = z.looseObject({ run: z.string(), project: z.string(), stack: z.string() });

/** What is known here of a run. */
export interface RunExpectation {
  /** When the job began: UTC, ISO 8601. */
  began: string;
  /** Milliseconds since 1970. */
  now: number;
  /** What is here under the same name, by file. */
  here: Files;
}

/** Everything that is wrong with a run's evidence; nothing where it is one of that job. */
export function runProblems({ owner, run, files }: RunFiles, { began, now, here }: RunExpectation): string[] {
  const differing = [...here].filter(([name, content]) => files.get(name)?.equals(content) !== true);
  const read = about.safeParse(parsed(files.get(runName)));
  const says = read.success ? `${read.data.project}/${read.data.stack}/${read.data.run}` : undefined;
  const at = timeOf(run);
  const own = at !== undefined && at >= Date.parse(began) - skewMs && at <= now + skewMs;
  return [
    ...fileDifferences(files),
    ...(differing.length > 0 ? [`a run of that name is here, and is another (${differing[0]?.[0]})`] : []),
    ...(says === undefined ? [`${runName} says nothing of its run`] : []),
    ...(says !== undefined && says !== `${owner}/${run}` ? [`${runName} is of another run: ${quoted(says)}`] : []),
    ...(own ? [] : ["it is not of the time in which the job ran"]),
  ];
}

/** When a run began, by its name: `20260127T103000Z-…`. */
function timeOf(run: string): number | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/.exec(run) ?? [];
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? undefined : at;
}

function parsed(content: Buffer | undefined): unknown {
  try {
    return JSON.parse(content?.toString("utf8") ?? "");
  } catch {
    return undefined;
  }
}
