/**
 * `npm run bench`: what holdfast costs, as ratios to the same thing without it, and where the time goes. It measures runners
 * on a lab site of its own, which it takes down at the end, also on failure, and pools on simulated clusters.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deployFoundation, openSite } from "../lab/demo.ts";
import { siteDown } from "../lab/site.ts";
import type { Workspace } from "../lab/workspace.ts";
import { Failure, runMain } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { measureBlueprint } from "./blueprint.ts";
import { blueprintMarkdown, blueprintTable } from "./blueprint-report.ts";
import { measureNetbox } from "./netbox.ts";
import { type NetboxMeasured, netboxMarkdown, netboxTable } from "./netbox-report.ts";
import { picture } from "./picture.ts";
import { type PoolsMeasured, poolsMarkdown, poolsPicture, poolsTable } from "./pool-report.ts";
import { measurePools } from "./pools.ts";
import { previewPairs, tracedPreviews } from "./previews.ts";
import { type Measured, markdown, partSpreads, plainTable } from "./report.ts";
import { writeBareProgram } from "./site.ts";
import { type Comparison, compare } from "./spread.ts";
import { ups } from "./ups.ts";

const siteName = "b-bench";
const docs = join(import.meta.dirname, "..", "docs");
const marks = (name: string) => [`<!-- ${name}: written by npm run bench -- --write -->`, `<!-- /${name} -->`] as const;

const parts = ["runners", "pools", "netbox", "blueprint"] as const;
type Part = (typeof parts)[number];

const usage = `usage: npm run bench [-- options]
  --runs N     how often every preview is measured (default 5)
  --quick      the same as --runs 1 --pools 1,10
  --only WHAT  runners, pools, netbox or blueprint: not the others
  --pools N,…  sizes of the pools (default 1,10,100)
  --pairs N    how often a runner is made, by hand and with holdfast (default 1; 0: with holdfast alone)
  --json FILE  also writes what was measured as JSON
  --write      also writes it into docs/performance.md, with its picture`;

await runMain(async () => {
  const options = readOptions();
  const isAsked = (part: Part) => options.only === undefined || options.only === part;
  const netbox = isAsked("netbox") ? await measureNetbox() : undefined;
  const blueprint = isAsked("blueprint") ? await measureBlueprint(options.runs) : undefined;
  const pools = isAsked("pools") ? await measurePools(options.pools, options.runs) : undefined;
  const measured = isAsked("runners") ? await measure(options.runs, options.pairs) : undefined;
  if (options.json)
    writeFileSync(options.json, `${JSON.stringify({ ...measured, pools, netbox, blueprint }, null, 2)}\n`);
  if (options.write && measured) writeDocs(measured);
  if (options.write && pools) writePoolDocs(pools);
  if (options.write && netbox) writeNetboxDocs(netbox);
  if (options.write && blueprint) writeBlueprintDocs(blueprint);
  const tables = [
    measured && plainTable(measured),
    pools && poolsTable(pools),
    netbox && netboxTable(netbox),
    blueprint && blueprintTable(blueprint),
  ];
  process.stdout.write(`\n${tables.filter(Boolean).join("\n")}`);
});

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        runs: { type: "string", default: "5" },
        pairs: { type: "string", default: "1" },
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        pools: { type: "string" },
        json: { type: "string" },
        write: { type: "boolean", default: false },
      },
    });
    const { json, write, only, pools = values.quick ? "1,10" : "1,10,100" } = values;
    if (only !== undefined && !parts.includes(only as Part))
      throw new Error(`--only takes one of ${parts.join(", ")}, not "${only}"`);
    return {
      json,
      write,
      only,
      pools: pools.split(",").map((size) => count("pools", size, 1)),
      runs: values.quick ? 1 : count("runs", values.runs, 1),
      pairs: count("pairs", values.pairs, 0),
    };
  } catch (error) {
    throw new Failure((error as Error).message, usage);
  }
}

function count(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Failure(`--${name} takes a whole number from ${least} on, not "${text}"`);
}

async function measure(runs: number, pairs: number): Promise<Measured> {
  await siteDown(siteName);
  try {
    const workspace = await openSite(siteName);
    await deployFoundation(workspace);
    return await measureOn(workspace, runs, pairs);
  } finally {
    await step(`Taking site ${siteName} away`, () => siteDown(siteName));
  }
}

async function measureOn(workspace: Workspace, runs: number, pairs: number): Promise<Measured> {
  const made = await ups(workspace, pairs);
  await step("bare program of the same stack", () => writeBareProgram(workspace));
  const previews = await previewPairs(workspace, runs);
  const unrefreshed = await previewPairs(workspace, runs, "--refresh=false");
  const traced = await tracedPreviews(workspace, runs);
  const bare = "the bare program";
  const comparisons = [
    compare({ what: "preview of a clean runner stack", with: bare, goal: 1.3 }, previews),
    compare({ what: "the same without refresh", with: bare }, unrefreshed),
  ];
  if (made.pairs.length > 0)
    comparisons.push(compare({ what: "`up` to a green job", with: "VM and runner by hand", goal: 1.2 }, made.pairs));
  const { virtType } = workspace.site;
  return {
    day: new Date().toISOString().slice(0, 10),
    machine: `${machine()}, guests ${virtType === "kvm" ? "on KVM" : "emulated"}`,
    comparisons,
    parts: { preview: partSpreads(traced), up: partSpreads(made.parts) },
  };
}

function machine(): string {
  return `${cpus().length} cores that other work shares`;
}

function writeDocs(measured: Measured): void {
  writeSection("measured", markdown(measured));
  writeFileSync(join(docs, "performance.svg"), picture(measured));
}

function writePoolDocs(pools: PoolsMeasured): void {
  writeSection("pools", poolsMarkdown(pools, new Date().toISOString().slice(0, 10), machine()));
  writeFileSync(join(docs, "performance-pools.svg"), poolsPicture(pools));
}

function writeNetboxDocs(netbox: NetboxMeasured): void {
  writeSection("netbox", netboxMarkdown(netbox, new Date().toISOString().slice(0, 10), machine()));
}

function writeBlueprintDocs(blueprint: readonly Comparison[]): void {
  writeSection("blueprint", blueprintMarkdown(blueprint, new Date().toISOString().slice(0, 10), machine()));
}

/** Replaces what stands between a section's marks in docs/performance.md. */
function writeSection(name: string, text: string): void {
  const page = join(docs, "performance.md");
  const [begin, end] = marks(name);
  const [before, rest] = readFileSync(page, "utf8").split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Failure(`${page} lacks the marks ${begin} and ${end}`);
  writeFileSync(page, `${before}${begin}\n${text}${end}${after}`);
}
