/**
 * The test rings. Each ring says in its tests' first lines what it proves and what not; later rings need more of the
 * machine and take longer, and run after the earlier ones.
 */
import { defineConfig } from "vitest/config";

const ring = (name: string, order: number, seconds: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: seconds * 1000,
    hookTimeout: seconds * 1000,
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
      // Each file has a site of its own; two at a time, as everywhere, are two VMs on two cores.
      ring("lab", 2, 1200),
    ],
  },
});
