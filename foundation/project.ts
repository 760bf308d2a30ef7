/**
 * What the foundation says of itself.
 */
import { type Project, topProject } from "../lib/project.ts";

export const foundation = {
  name: topProject,
  summary: "The site contract. Dials nothing.",
  stacks: { each: "environment of the site", example: "shared" },
  produces: "site@1",
  consumes: [],
  dials: [],
  packages: [],
  secrets: {},
  configuration: async () => (await import("./config.ts")).foundationConfig,
} as const satisfies Project;
