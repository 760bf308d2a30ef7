/**
 * What may import what. Arrows point downwards only, and never in a circle: see docs/architecture.md.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const shared = {
  lib: [],
  resources: ["lib"],
  components: ["lib", "resources"],
  toolchain: ["lib"],
  provider: ["lib", "resources", "components"],
  release: ["lib", "provider", "toolchain"],
};

/** What a project may import beside the ground floor: the operations runners' builds the release that it delivers. */
const more = new Map([["ops-runner", ["release"]]]);

/** Folders of projects: never one of another. */
const projects = readdirSync(import.meta.dirname).filter((name) =>
  existsSync(join(import.meta.dirname, name, "start.js")),
);

/**
 * Every top folder with code, and the folders that it may import besides itself.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const layers = {
  ...shared,
  ...Object.fromEntries(projects.map((name) => [name, ["lib", "resources", "components", ...(more.get(name) ?? [])]])),
};

/** @type {import("dependency-cruiser").DependencyType[]} */
const local = ["local"];

const arrows = Object.entries(layers).map(([folder, below]) => ({
  name: `${folder} imports ${below.length > 0 ? `itself, ${below.join(", ")}` : "itself"} and packages alone`,
  severity: /** @type {const} */ ("error"),
  from: { path: `^${folder}/` },
  to: { pathNot: `^(${[folder, ...below, "sdks"].join("|")})/`, dependencyTypes: local },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    ...arrows,
    {
      name: "no circle",
      severity: "error",
      from: { pathNot: "^sdks/" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["dynamic-import"] } },
    },
    {
      name: "cli imports no lab",
      severity: "error",
      from: { path: "^(cli|docs|stacks)/" },
      to: { path: "^lab/" },
    },
    {
      name: "no test in the product",
      severity: "error",
      from: { pathNot: "^(test|bench)/" },
      to: { path: "^(test|bench)/" },
    },
    { name: "every import is there", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: "^tsx/" } },
  ],
  options: {
    doNotFollow: { path: "(^|/)node_modules/|^sdks/" },
    exclude: { path: "(^|/)\\.bundle/|^sdks/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs", ".json"] },
  },
};
