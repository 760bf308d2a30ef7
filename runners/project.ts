/**
 * What the project of the fenced Actions runners says of itself.
 */
import type { Project } from "../lib/project.ts";

export const runners = {
  name: "runners",
  summary: "The fenced Forgejo Actions runner fleet.",
  stacks: { each: "libvirt host", example: "crunchy" },
  produces: "fleet@1",
  consumes: [{ contract: "site@1", stackKey: "site.stack", fileKey: "site.file" }],
  dials: ["a libvirt host over SSH", "the forge's API, or its host over SSH", "its VM over SSH"],
  packages: ["holdfast", "libvirt"],
  secrets: {
    // Without a token a runner is registered over SSH: only who said how needs none.
    "forge.token": ({ keys }) => !keys.some((key) => key.startsWith("forge.ssh.")),
  },
  configuration: async () => (await import("./config.ts")).runnersConfig,
} as const satisfies Project;
