/**
 * The test rings. Each ring says in its tests' first lines what it proves and what not; later rings need more of the
 * machine and take longer, and run after the earlier ones.
 */
import { defineConfig } from "vitest/config";

const ring = (name: string, order: number, seconds: number, parallel = true) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: seconds * 1000,
    hookTimeout: seconds * 1000,
    fileParallelism: parallel,
    sequence: { groupOrder: order },
  },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    globalSetup: "test/temporary-directory.ts",
    projects: [
      ring("unit", 0, 30),
      ring("component", 0, 30),
      ring("engine", 1, 180),
      // One VM at a time is what two cores bear.
      ring("lab", 2, 1200, false),
    ],
  },
});
