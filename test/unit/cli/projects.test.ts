/**
 * The list of projects against what it stands for: the programs in the checkout, their Pulumi.yaml, the contracts, the keys of
 * their configuration, and what their programs import. Not proven here: what the programs dial.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { build, type Metafile } from "esbuild";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { projectNames, projects } from "../../../cli/projects.ts";
import { shapes } from "../../../cli/shapes.ts";
import { fieldInfo } from "../../../lib/config/fields.ts";
import type { Contract } from "../../../lib/contracts/contract.ts";
import { projectFolder } from "../../../lib/project.ts";
import { programFolders } from "../../../release/checkout.ts";

const top = join(import.meta.dirname, "../../..");

/** Every contract there is, by its name with version. */
const contracts = new Map<string, Contract<never>>();
for (const file of readdirSync(join(top, "lib", "contracts"))) {
  const module: Record<string, unknown> = await import(join(top, "lib", "contracts", file));
  for (const [name, value] of Object.entries(module)) {
    if (name.endsWith("Contract") && typeof value === "object") {
      const contract = value as Contract<never>;
      contracts.set(contract.version, contract);
    }
  }
}

/** A module with all that it imports. */
async function bundled(module: string): Promise<Metafile["inputs"]> {
  const { metafile } = await build({
    ...{ entryPoints: [join(top, module)], absWorkingDir: top, bundle: true, write: false, metafile: true },
    ...{ format: "esm", platform: "node", packages: "external", splitting: true, outdir: "unused", target: "node22" },
  });
  return metafile.inputs;
}

/** What a module reads before its own first line: files of this repository, and packages. */
async function read(module: string): Promise<string[]> {
  const inputs = await bundled(module);
  const seen = new Set<string>();
  const follow = (from: string) => {
    for (const { path, kind } of inputs[from]?.imports ?? []) {
      if (kind !== "import-statement" || seen.has(path)) continue;
      seen.add(path);
      follow(path);
    }
  };
  follow(module);
  return [...seen];
}

test("every program of the checkout is on the list, and nothing else", () => {
  expect(programFolders(top).toSorted()).toEqual(projectNames);
});

test("looking at the list reads declarations alone, so that every command may", async () => {
  const declarations = projects.map(({ name }) => `${name}/project.ts`);
  const others = (await read("cli/projects.ts")).filter((path) => !declarations.includes(path));
  expect(others.toSorted()).toEqual(["lib/project.ts", "platform-vm/template-reference.ts"]);
});

test("no two projects produce one contract, do one module's work, or come before what they read", () => {
  const modules = projects.flatMap(({ runbookModule = [] }) => runbookModule);
  expect(new Set(modules).size).toBe(modules.length);
  expect(new Set(projects.map(({ produces }) => produces)).size).toBe(projects.length);
  for (const [index, { consumes }] of projects.entries()) {
    const before = projects.slice(0, index).map(({ produces }) => produces);
    // What NetBox holds is written by a command.
    expect(
      consumes.map(({ contract }) => contract).filter((one) => !before.includes(one) && one !== "netbox@1"),
    ).toEqual([]);
  }
});

describe.each(projects)("$name", (project) => {
  const { name, summary, produces, consumes, packages, secrets } = project;
  const shape = shapes[name] ?? {};

  test("is what its Pulumi.yaml says, and keeps its stacks' files where they all are", () => {
    const folder = projectFolder(name);
    const said = parse(readFileSync(join(top, folder, "Pulumi.yaml"), "utf8"));
    expect({ name: said.name, summary: said.description }).toEqual({ name, summary });
    expect(relative(top, join(top, folder, said.stackConfigDir))).toBe(`stacks/${name}`);
  });

  test("produces what names it as the producer", () => {
    expect(contracts.get(produces)?.producer).toBe(name);
  });

  test("reads contracts that there are, from where its configuration may say", () => {
    for (const { contract, stackKey, fileKey } of consumes) {
      expect([...contracts.keys()]).toContain(contract);
      for (const key of [stackKey ?? [], fileKey ?? []].flat()) expect(Object.keys(shape)).toContain(key);
    }
  });

  test("says of every secret of its configuration who needs it", () => {
    const marked = Object.entries(shape).filter(([, schema]) => fieldInfo.get(schema)?.secret === true);
    expect(Object.keys(secrets).toSorted()).toEqual(marked.map(([key]) => key).toSorted());
  });

  test("exchanges the contracts that it declares, and no other", () => {
    const sources = readdirSync(join(top, name), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => readFileSync(join(top, name, path), "utf8"));
    const exchanged = sources.flatMap((text) =>
      [...text.matchAll(/\b(?:produce|consume|read)\((\w+)Contract\b/g)].map(([, word]) => word),
    );
    const declared = [produces, ...consumes.map(({ contract }) => contract)].map((one) => one.split("@")[0]);
    expect([...new Set(exchanged)].toSorted()).toEqual(declared.toSorted());
  });

  test("has resources of the packages that it declares, and of no other", async () => {
    const imports = Object.values(await bundled(`${name}/index.ts`)).flatMap((input) => input.imports);
    const sdks = imports.flatMap(({ path }) => /^@pulumi\/(?!pulumi\b)([\w-]+)/.exec(path)?.[1] ?? []);
    const { plugins } = parse(readFileSync(join(top, projectFolder(name), "Pulumi.yaml"), "utf8"));
    const own = (plugins?.providers ?? []).map((plugin: { name: string }) => plugin.name);
    expect([...new Set([...own, ...sdks])].toSorted()).toEqual(packages.toSorted());
  });
});
