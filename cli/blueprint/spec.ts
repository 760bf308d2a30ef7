/**
 * What a blueprint file says: the stacks of one flow in the order of their needs, each with the configuration that it gets.
 * Unknown fields are errors. It holds no secret: a step names the keys that its stack has to have as secrets.
 */
import { z } from "zod";

const id = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, "expected lower-case letters, digits and underscores");

const step = z.strictObject({
  id: id.describe("Name of the step, and of its stack where `stack` says nothing."),
  project: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, "expected the name of a project")
    .describe("Project of the stack, for example platform-vm."),
  stack: z
    .string()
    .regex(/^[\w.${}-]+$/, `expected the name of a stack; \${env} stands for the environment`)
    .optional()
    .describe(`Name of the stack. Default: \${env}-<id>, underscores as hyphens.`),
  action: z
    .enum(["deploy", "plan"], { error: "expected deploy or plan" })
    .default("deploy")
    .describe("deploy: pulumi up. plan: a preview, which changes nothing."),
  config: z
    .record(z.string(), z.unknown())
    .default({})
    .describe(
      `Configuration that the stack gets, by key; its other keys stay. \${env} and \${steps.<id>.stack} are filled in. No secrets.`,
    ),
  secrets: z
    .array(z.string().min(1))
    .default([])
    .describe("Keys that the stack has to have as secrets before anything begins. Names, never values."),
  requires: z.array(id).default([]).describe("Steps that come before this one, and without which it is not run."),
  skip_if_state_ok: z
    .boolean()
    .default(false)
    .describe("Whether the step may be skipped when its last run was green and its configuration is the same."),
  verify_state_on_skip: z
    .boolean()
    .default(true)
    .describe("Whether it is skipped only when a preview finds nothing to change."),
  force_run: z
    .boolean()
    .default(false)
    .describe("Whether what the stack does on its machines is done again by every deploy."),
  retain_on_destroy: z.boolean().default(false).describe("Whether the stack stays when the blueprint is destroyed."),
  optional: z.boolean().default(false).describe("Whether the others go on when this step fails."),
});

/** What a blueprint file says. */
export const blueprintSpec = z.strictObject({
  kind: z.literal("Blueprint", { error: "expected Blueprint" }),
  ref: z
    .string()
    .regex(/^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*@v[1-9]\d*$/, "expected <group>/<name>@v<number>")
    .describe("Name and version, for example networking/onprem-ops-runner@v1."),
  description: z.string().min(1).optional(),
  steps: z.array(step).min(1, "expected at least one step"),
});

/** A blueprint with its defaults filled in. */
export type BlueprintSpec = z.output<typeof blueprintSpec>;

/** A step of it. */
export type StepSpec = BlueprintSpec["steps"][number];

/** JSON schema of a blueprint file, for editors. */
export function blueprintSchema(): Record<string, unknown> {
  return { title: "Blueprint of holdfast", ...z.toJSONSchema(blueprintSpec, { io: "input", target: "draft-7" }) };
}
