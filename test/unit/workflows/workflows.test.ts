/**
 * The rules of the repository's own workflows, on every file that is there. Proves what they say, not that a forge runs
 * them: docs/ci.md says what was run.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

interface Step {
  name?: string;
  run?: string;
  uses?: string;
  env?: Record<string, string>;
}
interface Job {
  "runs-on": string;
  steps: Step[];
}
interface Workflow {
  name: string;
  on: string | string[] | Record<string, unknown>;
  jobs: Record<string, Job>;
}

const top = join(import.meta.dirname, "../../..");
const folder = join(top, ".forgejo", "workflows");
/** Where jobs of strangers run (decision 15 of the design: a job with credentials runs elsewhere). */
const strangersLabel = "fenced";
const strangersEvents = ["pull_request", "pull_request_target", "issues", "issue_comment"];

function workflowIn(text: string): Workflow {
  return parse(text) as Workflow;
}

function eventsOf({ on }: Workflow): string[] {
  return typeof on === "string" ? [on] : Array.isArray(on) ? on : Object.keys(on);
}

/** As workflows write it; apart, because the linter takes it for a slip. */
function expression(text: string): string {
  return ["$", `{{ ${text} }}`].join("");
}

/** What breaks a rule, in words; nothing when a workflow keeps them all. */
function broken(workflow: Workflow): string[] {
  return Object.entries(workflow.jobs).flatMap(([id, job]) => brokenIn(workflow, job).map((rule) => `${id}: ${rule}`));
}

function brokenIn(workflow: Workflow, job: Job): string[] {
  const text = JSON.stringify({ ...workflow, jobs: { job } });
  const credentials = /\bsecrets\b/.test(text);
  const scripts = job.steps.map(({ run = "" }) => run).join("\n");
  const outsideSteps = JSON.stringify({ ...workflow, jobs: { job: { ...job, steps: [] } } });
  return [
    credentials && job["runs-on"] === strangersLabel && "credentials on the label of strangers",
    credentials &&
      eventsOf(workflow).some((event) => strangersEvents.includes(event)) &&
      "credentials in a workflow that strangers start",
    credentials && /\bsecrets\b/.test(outsideSteps) && "a credential that every step sees, npm's install scripts too",
    job.steps.some(({ uses = "" }) => uses !== "" && !/@[0-9a-f]{40}$/.test(uses)) && "an action that is not pinned",
    scripts.includes("${{") && "an expression inside a script, which it could rewrite",
  ].filter((rule) => rule !== false);
}

const workflows = new Map(
  readdirSync(folder).map((file) => [file, workflowIn(readFileSync(join(folder, file), "utf8"))] as const),
);

describe("the repository's workflows", () => {
  it.each([...workflows])("%s keeps the rules for credentials, actions and scripts", (_file, workflow) => {
    expect(broken(workflow)).toEqual([]);
  });

  it("give the commit statuses that people look for, each on its label", () => {
    const statuses = [...workflows.values()].flatMap(({ name, jobs }) =>
      Object.entries(jobs).map(([id, job]) => `${name} / ${id} on ${job["runs-on"]}`),
    );
    expect(statuses.sort()).toEqual([
      "CI / preflight on fenced",
      "CI / test on fenced",
      "CI / typecheck on fenced",
      "pulumi-preview / preview on trusted",
    ]);
  });

  it("preview on main or by hand alone", () => {
    expect(workflows.get("pulumi-preview.yml")?.on).toEqual({ push: { branches: ["main"] }, workflow_dispatch: null });
  });

  it("run commands that are there: npm's own, package.json's, and files of .ci", () => {
    const { scripts } = JSON.parse(readFileSync(join(top, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const steps = [...workflows.values()].flatMap(({ jobs }) => Object.values(jobs).flatMap(({ steps }) => steps));
    const commands = steps.filter(({ name }) => name !== "Checkout").map(({ run = "" }) => run);
    expect(commands).not.toHaveLength(0);
    for (const command of commands) {
      const script = /^npm run ([\w-]+)/.exec(command)?.[1];
      const file = /^(\.ci\/[\w-]+)/.exec(command)?.[1];
      const isThere = script ? script in scripts : file ? existsSync(join(top, file)) : command === "npm ci";
      expect(isThere, command).toBe(true);
    }
  });

  it("check out in one way, the token in no argument list and in no other step", () => {
    const steps = [...workflows.values()].flatMap(({ jobs }) => Object.values(jobs).flatMap(({ steps }) => steps));
    const [first, ...others] = new Set(
      steps.filter(({ name }) => name === "Checkout").map((step) => JSON.stringify(step)),
    );
    expect(others).toEqual([]);
    const checkout = JSON.parse(first ?? "{}") as Step;
    expect(checkout.env).toEqual({ TOKEN: expression("github.token") });
    expect(checkout.run).not.toMatch(/^\s*git .*TOKEN/m);
    expect(steps.filter(({ env }) => JSON.stringify(env ?? {}).includes("github.token"))).toHaveLength(
      steps.filter(({ name }) => name === "Checkout").length,
    );
  });
});

describe("the rules", () => {
  const good = `name: x
on: { push: null }
jobs:
  one:
    runs-on: trusted
    steps:
      - run: .ci/preview . shared
        env: { KEY: "${expression("secrets.KEY")}" }
`;
  it.each([
    ["credentials on the label of strangers", "runs-on: trusted", "runs-on: fenced"],
    ["credentials in a workflow that strangers start", "{ push: null }", "[push, pull_request]"],
    [
      "a credential that every step sees, npm's install scripts too",
      "jobs:",
      `env: { A: "${expression("secrets.A")}" }\njobs:`,
    ],
    ["an action that is not pinned", "- run: .ci/preview . shared", "- uses: actions/checkout@v4"],
    [
      "an expression inside a script, which it could rewrite",
      "preview . shared",
      `preview ${expression("github.ref_name")}`,
    ],
  ])("see %s", (rule, from, to) => {
    expect(broken(workflowIn(good))).toEqual([]);
    expect(broken(workflowIn(good.replace(from, () => to)))).toEqual([`one: ${rule}`]);
  });
});
