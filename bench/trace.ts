/**
 * Where the time of a Pulumi command goes, from the engine's own OpenTelemetry trace (`--otel-traces file://…`). The parts
 * follow one another without a gap, so that they add up to the whole. Pure.
 */

/** One span; times in seconds since the epoch. */
export interface Span {
  name: string;
  service: string;
  start: number;
  end: number;
  attributes: Record<string, string>;
}

/** A stretch of time, in seconds. */
export interface Part {
  name: string;
  seconds: number;
}

interface Attribute {
  key: string;
  value: { stringValue?: string };
}

interface RawSpan {
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: Attribute[];
}

interface RawTrace {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: RawSpan[] }[] }[];
}

/** Reads a trace file: one JSON document a line. */
export function parseTrace(text: string): Span[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.flatMap((line) =>
    (JSON.parse(line) as RawTrace).resourceSpans.flatMap(({ resource, scopeSpans }) => {
      const service = textsOf(resource.attributes)["service.name"] ?? "";
      return scopeSpans.flatMap(({ spans }) => spans.map((span) => spanOf(span, service)));
    }),
  );
}

function spanOf(raw: RawSpan, service: string): Span {
  const seconds = (nanoseconds: string) => Number(BigInt(nanoseconds) / 1000n) / 1e6;
  return {
    name: raw.name,
    service,
    start: seconds(raw.startTimeUnixNano),
    end: seconds(raw.endTimeUnixNano),
    attributes: textsOf(raw.attributes ?? []),
  };
}

function textsOf(attributes: Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? ""]));
}

/** When the program of a traced command had come how far; seconds since the epoch. */
export interface Milestones {
  begin: number;
  /** The first provider is started: what the state has is looked at again. */
  refresh?: number | undefined;
  /** The first resource is read again. */
  reads?: number | undefined;
  /** The language host starts the program. */
  program: number;
  /** The SDK is loaded and registers the stack. */
  stack: number;
  /** The program's own modules are loaded, its configuration parsed: it asks for the site contract. */
  contract: number;
  /** It registers the provider `holdfast`, whose plugin is started. */
  plugin: number;
  /** The preflight looks at host, workstation and forge. */
  preflight: number;
  /** Nothing is missing: resources are registered. */
  resources: number;
  /** The program has ended. */
  programEnd: number;
  end: number;
}

/** @throws when the trace lacks a milestone: the program goes another way than this knows. */
export function milestones(spans: readonly Span[]): Milestones {
  const ordered = [...spans].sort((a, b) => a.start - b.start);
  const find = (what: string, after: number, test: (span: Span) => boolean): Span => {
    const found = ordered.find((span) => span.start >= after && test(span));
    if (!found) throw new Error(`the engine's trace has no ${what}; bench/trace.ts expects one`);
    return found;
  };
  const named = (name: string) => (span: Span) => span.service === "pulumi-cli" && span.name.endsWith(name);
  const plugin = (span: Span) => named("newPlugin")(span) && span.attributes.kind === "resource";
  const whole = find("pulumi command", 0, named("pulumi"));
  const run = find("program", whole.start, named("LanguageRuntime/Run"));
  const before = ordered.filter((span) => span.start < run.start);
  const stack = find("registration of the stack", run.start, named("ResourceMonitor/RegisterResource"));
  const contract = find("function of the program", run.start, named("ResourceMonitor/Invoke"));
  const holdfast = find("start of the plugin", contract.start, plugin);
  const preflight = find("preflight", holdfast.start, named("ResourceProvider/Invoke"));
  return {
    begin: whole.start,
    refresh: before.find(plugin)?.start,
    reads: before.find(named("ResourceProvider/Read"))?.start,
    program: run.start,
    stack: stack.start,
    contract: contract.start,
    plugin: holdfast.start,
    preflight: preflight.start,
    resources: preflight.end,
    programEnd: run.end,
    end: whole.end,
  };
}

/** The parts of a preview. */
export function previewParts(marks: Milestones): Part[] {
  return stretches([
    ["engine: start, project, state", marks.begin],
    ["refresh: start of both plugins", marks.refresh],
    ["refresh: reading every resource", marks.reads],
    ["program: Node.js, tsx, Pulumi SDK", marks.program],
    ["program: own modules, configuration", marks.stack],
    ["site contract (StackReference)", marks.contract],
    ["plugin holdfast: start", marks.plugin],
    ["preflight", marks.preflight],
    ["resources: check, diff", marks.resources],
    ["engine: end", marks.programEnd],
    ["", marks.end],
  ]);
}

/** Each name lasts until the next mark; a mark that did not come is left out. */
export function stretches(marks: readonly (readonly [string, number | undefined])[]): Part[] {
  const seen = marks.filter((mark): mark is readonly [string, number] => mark[1] !== undefined);
  return seen.slice(0, -1).map(([name, start], index) => ({ name, seconds: (seen[index + 1]?.[1] ?? start) - start }));
}
