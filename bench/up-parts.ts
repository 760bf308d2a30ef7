/**
 * Where the time of an `up` goes: the engine's trace up to the preflight, then the lines of its display, by the time at
 * which they came. Pure.
 */
import { type Milestones, type Part, stretches } from "./trace.ts";

/** A line of the engine's display, and when it came: seconds since the epoch. */
export interface TimedLine {
  at: number;
  line: string;
}

/**
 * @param green when the job had turned green, seconds since the epoch.
 * @throws when a line did not come that every `up` of a runner shows.
 */
export function upParts(marks: Milestones, lines: readonly TimedLine[], green: number): Part[] {
  const when = (what: RegExp): number => {
    const found = lines.find(({ line }) => what.test(line));
    if (!found) throw new Error(`the engine's display has no line like ${what}; bench/up-parts.ts expects one`);
    return found.at;
  };
  return stretches([
    ["engine: start, project, state", marks.begin],
    ["program: Node.js, tsx, Pulumi SDK", marks.program],
    ["program: own modules, configuration", marks.stack],
    ["site contract (StackReference)", marks.contract],
    ["plugin holdfast: start", marks.plugin],
    ["preflight", marks.preflight],
    ["bridge rule, egress fence on the host, libvirt plugin, volumes", marks.resources],
    ["domain", when(/ vm-domain creating/)],
    ["registration", when(/ vm-domain created/)],
    ["VM boots to its first SSH", when(/ runner-registration created/)],
    ["cloud-init ends", when(/waiting for cloud-init/)],
    ["runner and its fence are installed", when(/installing runner/)],
    ["the forge accepts the runner", when(/waiting until the forge accepts/)],
    ["engine: end", when(/ runner-service created/)],
    ["job: push to green", marks.end],
    ["", green],
  ]);
}
