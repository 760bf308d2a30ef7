/**
 * The benchmark's own arithmetic: the bare program declares what the state has, parts add up to the whole, and a goal that
 * is not met is said to be.
 */
import { expect, test } from "vitest";
import { bareProgram } from "../../../bench/bare.ts";
import { picture } from "../../../bench/picture.ts";
import { poolsMarkdown, poolsPicture } from "../../../bench/pool-report.ts";
import { planningSeconds } from "../../../bench/pools.ts";
import { markdown, partSpreads } from "../../../bench/report.ts";
import { compare, spread } from "../../../bench/spread.ts";
import { milestones, parseTrace, previewParts } from "../../../bench/trace.ts";
import { upParts } from "../../../bench/up-parts.ts";

const urn = (type: string, name: string) => `urn:pulumi:crunchy::runners::${type}::${name}`;
const provider = `${urn("pulumi:providers:holdfast", "holdfast")}::some-id`;

test("the bare program declares dependencies first, keeps secrets secret, and leaves out what is the engine's", () => {
  const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", plaintext: '"hidden"' };
  const program = bareProgram([
    { urn: urn("pulumi:pulumi:Stack", "runners-crunchy"), type: "pulumi:pulumi:Stack", outputs: { fleet: 1 } },
    {
      urn: urn("holdfast:runner:Service", "service"),
      type: "holdfast:runner:Service",
      custom: true,
      inputs: { token: secret, __internal: {} },
      provider,
    },
    { urn: urn("pulumi:providers:holdfast", "holdfast"), type: "pulumi:providers:holdfast", custom: true },
  ]);
  expect(program).toContain('const r0 = new PlainProvider("holdfast", "holdfast", {  }, {  });');
  expect(program).toContain(
    'const r1 = new Plain("holdfast:runner:Service", "service", { "token": pulumi.secret("hidden") }',
  );
  expect(program).toContain("export const fleet = 1;");
  expect(program).not.toContain("__internal");
});

test("a bare pool imports the SDK that it uses alone, with the provider's booleans and what its VMs ignore", () => {
  const type = "pulumi:providers:proxmoxve";
  const vmType = "proxmoxve:index/vmLegacy:VmLegacy";
  const program = bareProgram([
    { urn: urn(type, "proxmox"), type, custom: true, inputs: { insecure: "false", version: "8.6.0" } },
    { urn: urn(vmType, "vm"), type: vmType, custom: true, inputs: {}, ignoreChanges: ["disks[0].speed"] },
  ]);
  expect(program).toContain('import * as proxmoxve from "@pulumi/proxmoxve";');
  expect(program).not.toContain("@pulumi/libvirt");
  expect(program).toContain('new proxmoxve.Provider("proxmox", { "insecure": false }');
  expect(program).toContain('new proxmoxve.VmLegacy("vm", {  }, { ignoreChanges: ["disks[0].speed"] });');
});

test("a resource that the bare program cannot declare is an error: what is left out would be compared all the same", () => {
  expect(() => bareProgram([{ urn: urn("random:index:Id", "id"), type: "random:index:Id", custom: true }])).toThrow(
    "teach bench/bare.ts the type random:index:Id",
  );
});

/** A trace file with one span a name, a second each, one after the other. */
function trace(...names: (string | [string, string])[]): string {
  const spans = names.map((name, second) => ({
    name: typeof name === "string" ? name : name[0],
    startTimeUnixNano: `${second}000000000`,
    endTimeUnixNano: `${second === 0 ? names.length : second + 1}000000000`,
    attributes: typeof name === "string" ? [] : [{ key: "kind", value: { stringValue: name[1] } }],
  }));
  const attributes = [{ key: "service.name", value: { stringValue: "pulumi-cli" } }];
  return `${JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] })}\n`;
}

const program = [
  "LanguageRuntime/Run",
  "ResourceMonitor/RegisterResource",
  "ResourceMonitor/Invoke",
  ["newPlugin", "resource"],
  "ResourceProvider/Invoke",
] satisfies (string | [string, string])[];

test("the parts of a preview add up to the whole, with a refresh and without", () => {
  for (const before of [[["newPlugin", "resource"], "ResourceProvider/Read"], []] as [string, string][][]) {
    const spans = parseTrace(trace("pulumi", ...before, ...program));
    const parts = previewParts(milestones(spans));
    expect(parts).toHaveLength(before.length + 8);
    expect(parts.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(spans[0]?.end ?? 0);
  }
});

test("a trace of another program is refused", () => {
  expect(() => milestones(parseTrace(trace("pulumi", ...program.slice(0, 3))))).toThrow("no start of the plugin");
});

const event = (kind: string, name: string) => ({ [kind]: { metadata: { urn: urn("some:Type", name) } } });
const status = (message: string) => ({ diagnosticEvent: { urn: urn("some:Type", "runner-service"), message } });
const events = [
  event("resourcePreEvent", "vm-domain"),
  event("resOutputsEvent", "vm-domain"),
  event("resOutputsEvent", "runner-registration"),
  status("waiting for SSH on root@192.0.2.15:22, try 1 of 200"),
  status("waiting for cloud-init on 192.0.2.15"),
  status("installing runner runner-02 on 192.0.2.15"),
  status("waiting until the forge accepts runner-02"),
  event("resOutputsEvent", "runner-service"),
];

test("the parts of an up come from the engine's events, and one that is missing is named", () => {
  const marks = milestones(parseTrace(trace("pulumi", ...program)));
  const lines = events.map((one, index) => ({ at: 100 + index * 10, line: JSON.stringify(one) }));
  const parts = upParts(marks, lines, 200);
  const seconds = Object.fromEntries(parts.map((part) => [part.name, part.seconds]));
  expect(seconds).toMatchObject({ domain: 10, "VM boots to its first SSH": 20, "cloud-init ends": 10 });
  expect(() => upParts(marks, lines.slice(0, -2), 200)).toThrow('"runner-service: waiting until the forge accepts"');
});

test("the middle ratio decides about a goal, and one that is not met is said to be", () => {
  expect(spread([3, 1, 2, 10])).toEqual({ min: 1, median: 2.5, max: 10 });
  const pairs = [1.1, 1.4, 1.5].map((holdfast) => ({ holdfast, other: 1 }));
  const comparison = compare({ what: "preview", with: "bare", goal: 1.3 }, pairs);
  const parts = partSpreads([[{ name: "a & b", seconds: 1 }], [{ name: "a & b", seconds: 3 }]]);
  const measured = {
    day: "2026-01-01",
    machine: "two cores",
    comparisons: [comparison],
    parts: { preview: parts, up: parts },
  };
  expect(markdown(measured)).toContain("| 1.10 / 1.40 / 1.50 | at most 1.3: not met |");
  expect(markdown({ ...measured, comparisons: [{ ...comparison, goal: 1.4 }] })).toContain("at most 1.4: met");
  expect(picture(measured)).toContain("a &amp; b");
});

test("the goal of pools is that of a hundred VMs, and time is drawn as it grows", () => {
  const about = { what: "up", with: "bare" };
  const size = (vms: number, holdfast: number) => {
    const comparison = compare({ ...about, what: `up of ${vms}` }, [{ holdfast, other: 10 }]);
    return { vms, up: comparison, preview: comparison };
  };
  const measured = { sizes: [size(1, 20), size(100, 11.4)], planning: { vms: 10_000, seconds: 1.2 } };
  const page = poolsMarkdown(measured, "2026-01-01", "two cores");
  expect(page).toContain("| up of 1 | 1 | 2.00 | - |");
  expect(page).toContain("| up of 100 | 1 | 1.14 | at most 1.15: met |");
  expect(page).toContain("| planning of 10000 VMs | 1 | - | at most 1 s: not met |");
  expect(poolsPicture(measured).match(/<polyline/g)).toHaveLength(4);
  const [first, last] = [...poolsPicture(measured).matchAll(/points="([\d.]+),[\d.]+ ([\d.]+),/g)][0]?.slice(1) ?? [];
  expect(Number(last)).toBeGreaterThan(Number(first));
});

test("the pool that is planned has as many VMs as are measured", () => {
  expect(planningSeconds(300)).toBeGreaterThan(0);
});
