/**
 * The test rings. Each ring says in its tests' first lines what it proves and what not; later rings need more of the
 * machine and take longer, and run after the earlier ones.
 */
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";

const ring = (name: string, order: number, maxWorkers: number, seconds: number, isolate = true) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: seconds * 1000,
    hookTimeout: seconds * 1000,
    maxWorkers,
    isolate,
    ...(isolate ? {} : { setupFiles: ["test/own-environment.ts"] }),
    sequence: { groupOrder: order },
  },
});

export default defineConfig({
  test: {
    globalSetup: ["test/temporary-directory.ts", "test/netbox-service.ts", "test/program-bundles.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      // Their modules are read once for each worker, not for each file: that was more than half of what these rings cost.
      ring("unit", 0, 2, 30, false),
      ring("component", 0, 2, 30, false),
      // Three on two cores: each waits for networks, timers and machines as often as it computes. Every file of the lab has a
      // site of its own.
      ring("engine", 1, 3, 240),
      ring("lab", 1, 3, 1200),
    ],
  },
});
