/**
 * The test rings. Each ring says in its tests' first lines what it proves and what not; later rings need more of the
 * machine and take longer, and run after the earlier ones.
 */
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";

const ring = (name: string, order: number, maxWorkers: number, seconds: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: seconds * 1000,
    hookTimeout: seconds * 1000,
    maxWorkers,
    sequence: { groupOrder: order },
  },
});

export default defineConfig({
  test: {
    globalSetup: ["test/temporary-directory.ts", "test/netbox-service.ts", "test/program-bundles.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      ring("unit", 0, 2, 30),
      ring("component", 0, 2, 30),
      // Three on two cores: each waits for networks, timers and machines as often as it computes. Every file of the lab has a
      // site of its own.
      ring("engine", 1, 3, 240),
      ring("lab", 1, 3, 1200),
    ],
  },
});
