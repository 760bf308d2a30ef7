/**
 * What the operations runners' project says of itself.
 */
import type { Project } from "../lib/project.ts";

export const opsRunner = {
  name: "ops-runner",
  summary: "Operations runners, bootstrapped over SSH.",
  runbookModule: "platform/linux/ops-runner",
  stacks: { each: "environment and place", example: "dev-onprem" },
  produces: "runner@1",
  consumes: [
    { contract: "site@1", stackKey: "site.stack", fileKey: "site.file" },
    { contract: "vms@1", stackKey: "vms.stack", fileKey: "vms.file" },
  ],
  dials: ["its VM over SSH"],
  packages: ["holdfast"],
  secrets: {},
  preflight: { required: ["ssh-key", "plan", "vm"], optional: ["ssh-route", "evidence"] },
  configuration: async () => (await import("./config.ts")).opsRunnerConfig,
} as const satisfies Project;
