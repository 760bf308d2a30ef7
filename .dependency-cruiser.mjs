/**
 * What may import what. Arrows point downwards only, and never in a circle: see docs/architecture.md.
 */

/** Every top folder with code, and the folders that it may import besides itself. */
export const layers = {
  lib: [],
  resources: ["lib"],
  components: ["lib", "resources"],
  toolchain: ["lib"],
  provider: ["lib", "resources", "components"],
  release: ["lib", "provider", "toolchain"],
  foundation: ["lib", "resources", "components"],
  "template-image": ["lib", "resources", "components"],
  "platform-vm": ["lib", "resources", "components"],
  // Builds the release that it delivers.
  "ops-runner": ["lib", "resources", "components", "release"],
  runners: ["lib", "resources", "components"],
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
