/**
 * Where the time of an `up` goes: the engine's trace up to the preflight, then its events (`pulumi up --json`, one a line),
 * by the time at which they came. Pure.
 */
import { type Milestones, type Part, stretches } from "./trace.ts";

/** A line with an event of the engine, and when it came: seconds since the epoch. */
export interface TimedLine {
  at: number;
  line: string;
}

/** An event of the engine, as far as it is looked at here. */
interface EngineEvent {
  /** Work on a resource begins. */
  resourcePreEvent?: { metadata: { urn: string } };
  /** Work on a resource has ended. */
  resOutputsEvent?: { metadata: { urn: string } };
  /** A line for the display; status lines are among them, which the display itself shows to a terminal alone. */
  diagnosticEvent?: { urn?: string; message: string };
}

/** A moment as it is looked for below, for example `runner-service: waiting for cloud-init on 192.0.2.15`. */
function moment({ resourcePreEvent, resOutputsEvent, diagnosticEvent }: EngineEvent): string {
  const name = (urn = "") => urn.split("::").at(-1);
  if (resourcePreEvent) return `${name(resourcePreEvent.metadata.urn)} begins`;
  if (resOutputsEvent) return `${name(resOutputsEvent.metadata.urn)} ends`;
  return diagnosticEvent ? `${name(diagnosticEvent.urn)}: ${diagnosticEvent.message}` : "";
}

/**
 * @param green when the job had turned green, seconds since the epoch.
 * @throws when an event did not come that every `up` of a runner has.
 */
export function upParts(marks: Milestones, lines: readonly TimedLine[], green: number): Part[] {
  const moments = lines.map(({ at, line }) => ({ at, what: moment(JSON.parse(line) as EngineEvent) }));
  const when = (begin: string): number => {
    const found = moments.find(({ what }) => what.startsWith(begin));
    if (!found) throw new Error(`no event of the engine reads "${begin}"; bench/up-parts.ts expects one`);
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
    ["domain", when("vm-domain begins")],
    ["registration", when("vm-domain ends")],
    ["VM boots to its first SSH", when("runner-registration ends")],
    ["cloud-init ends", when("runner-service: waiting for cloud-init")],
    ["runner and its fence are installed", when("runner-service: installing runner")],
    ["the forge accepts the runner", when("runner-service: waiting until the forge accepts")],
    ["engine: end", when("runner-service ends")],
    ["job: push to green", marks.end],
    ["", green],
  ]);
}
