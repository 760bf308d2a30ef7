/**
 * Planning a blueprint and deciding what a resumed deploy does with a step. Nothing is run.
 */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { needsOf, planBlueprint } from "../../../../cli/blueprint/plan.ts";
import { parseReference } from "../../../../cli/blueprint/references.ts";
import { decide, type StepKnowledge } from "../../../../cli/blueprint/resume.ts";
import { blueprintSpec } from "../../../../cli/blueprint/spec.ts";

const spec = (...steps: object[]) =>
  blueprintSpec.parse({
    kind: "Blueprint",
    ref: "test/flow@v1",
    steps: steps.map((one) => ({ project: "first", ...one })),
  });
const plan = (...steps: object[]) => planBlueprint(spec(...steps), "dev");
const output = (...steps: object[]) => plan(...steps).problems.map(({ at, reason }) => `${at}: ${reason}`);

describe("a plan", () => {
  it("names stacks after environment and step, and fills in what configuration says of them", () => {
    const { steps, problems } = plan(
      { id: "the_vm", config: { env: `\${env}`, list: [`x-\${env}`, 8, null] } },
      { id: "after", stack: `\${env}-b`, requires: ["the_vm"], config: { of: `first/\${steps.the_vm.stack}` } },
    );
    expect(problems).toEqual([]);
    expect(steps.map(({ stack, config }) => [stack, config])).toEqual([
      ["dev-the-vm", { env: "dev", list: ["x-dev", 8, null] }],
      ["dev-b", { of: "first/dev-the-vm" }],
    ]);
  });

  it("says everything that is wrong at once", () => {
    const wrong = output(
      { id: "one", requires: ["nosuch"], config: { vms: { a: ["CHANGE_ME_IP"] }, of: `\${steps.nosuch.stack}` } },
      { id: "one", stack: "dev-x" },
      { id: "two", stack: "dev-x", config: { env: "prod" } },
    );
    expect(wrong).toEqual([
      "steps.one: there are two steps of this name",
      "steps.two.stack: is first/dev-x, which is the stack of one",
      "steps.one.requires: there is no step nosuch; there are one, two",
      `steps.one.config.of: \${steps.nosuch.stack} stands for nothing; there are \${env}, \${steps.one.stack}, \${steps.two.stack}`,
      "steps.one.config.vms.a.0: still holds a placeholder; put the real value in",
      "steps.two.config.env: differs from the environment dev, which is asked for",
    ]);
  });

  it("finds steps that need each other in a circle, through others too", () => {
    expect(
      output({ id: "free" }, { id: "a", requires: ["c"] }, { id: "b", requires: ["a"] }, { id: "c", requires: ["b"] }),
    ).toEqual(["steps: need each other in a circle: a, b, c"]);
  });

  it("puts every step behind what it needs, whatever the order in the file", () => {
    const graph = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 8 }).chain((needs) => {
      const steps = needs.map((list, index) => ({
        id: `s${index}`,
        requires: index === 0 ? [] : [...new Set(list.map((need) => `s${need % index}`))],
      }));
      return fc.shuffledSubarray(steps, { minLength: steps.length });
    });
    fc.assert(
      fc.property(graph, (steps) => {
        const planned = plan(...steps);
        expect(planned.problems).toEqual([]);
        const order = planned.steps.map(({ id }) => id);
        expect([...order].sort()).toEqual(steps.map(({ id }) => id).sort());
        for (const { id } of steps) {
          for (const need of needsOf(planned.steps, id)) expect(order.indexOf(need)).toBeLessThan(order.indexOf(id));
        }
      }),
    );
  });

  it("refuses fields that it does not know", () => {
    const typo = { kind: "Blueprint", ref: "a/b@v1", steps: [{ id: "a", project: "first", require: [] }] };
    expect(blueprintSpec.safeParse(typo).error?.issues).toMatchObject([{ keys: ["require"], path: ["steps", 0] }]);
  });
});

describe("a reference", () => {
  it.each([
    ["platform/onprem/platform-vm#onprem_ops_runner", "platform-vm", "dev-onprem-ops-runner"],
    ["platform/linux/ops-runner#onprem_ops_runner_bootstrap", "ops-runner", "dev-onprem-ops-runner-bootstrap"],
    ["core/onprem/template-image#template_image_ubuntu_22_04", "template-image", "dev-template-image-ubuntu-22-04"],
    ["platform-vm#dev-onprem-ops-runner", "platform-vm", "dev-onprem-ops-runner"],
    ["platform-vm/dev-apps", "platform-vm", "dev-apps"],
    ["template-image#dev", "template-image", "dev"],
  ])("%s is a stack", (text, project, stack) => {
    expect(parseReference(text, "dev")).toEqual({ project, stack });
  });

  it.each(["platform-vm", "a#b#c", "platform/other/thing#x", "platform-vm#../x", "#x", ""])("%j is none", (text) => {
    expect(parseReference(text, "dev")).toBeUndefined();
  });
});

describe("a resumed deploy", () => {
  const step = { skip_if_state_ok: true, verify_state_on_skip: true, force_run: false, action: "deploy" as const };
  const green: StepKnowledge = { status: "ok", digest: "d", configDiffers: false, deployed: true, ranBefore: [] };
  const action = (changes: Partial<typeof step>, known: Partial<StepKnowledge> = {}) =>
    decide({ ...step, ...changes }, "d", { ...green, ...known }).action;

  it("looks at a green step before it is skipped, or trusts it where that is allowed", () => {
    expect(action({})).toBe("verify");
    expect(action({ verify_state_on_skip: false })).toBe("skip");
  });

  it.each<[string, Partial<typeof step>, Partial<StepKnowledge>]>([
    ["was never run", {}, { status: undefined }],
    ["failed", {}, { status: "error" }],
    ["was cut off", {}, { status: "interrupted" }],
    ["is at work in a record that nobody ended", {}, { status: "running" }],
    ["was destroyed", {}, { status: "destroyed" }],
    ["has an empty stack", {}, { deployed: false }],
    ["may not be skipped", { skip_if_state_ok: false }, {}],
    ["is run by every deploy", { force_run: true }, {}],
    ["has other configuration now", {}, { configDiffers: true }],
    ["was given other configuration", {}, { digest: "other" }],
    ["is trusted, but what it needs ran", { verify_state_on_skip: false }, { ranBefore: ["one"] }],
  ])("runs a step that %s", (_what, changes, known) => {
    expect(action(changes, known)).toBe("run");
  });
});
