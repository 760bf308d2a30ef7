/**
 * The order of test files: those that take minutes begin first, so that none of them is left alone at the end.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The longest first; all others follow as vitest would have them. */
const longest = [
  "lab/faults",
  "lab/fleet",
  "lab/seed-commands",
  "lab/libvirt-pool",
  "lab/hostile-guest",
  "engine/pool-cut-off",
  "engine/pool-commands",
  "engine/platform-vm",
  "lab/bridge",
];

/** Named in vitest.config.ts. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((name) => moduleId.endsWith(`${name}.test.ts`));
      return index < 0 ? longest.length : index;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
