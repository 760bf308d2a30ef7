/**
 * The mapping of the plugin that is built here against the npm package that programs import: a token that the package does
 * not know would only be found out by a deploy.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { proxmoxveComponent } from "../../../toolchain/components/proxmoxve.ts";
import { versions } from "../../../toolchain/pins.ts";

const packageFile = createRequire(import.meta.url).resolve("@pulumi/proxmoxve/package.json");
const mapping = proxmoxveComponent.sources.find((path) => path.endsWith("mapping/provider.go")) ?? "";

test("plugin and npm package have the same version", () => {
  const { pulumi } = JSON.parse(readFileSync(packageFile, "utf8")) as { pulumi: { name: string; version: string } };
  expect(pulumi).toMatchObject({ name: "proxmoxve", version: versions.proxmoxve });
});

test("every token is one that the npm package registers", () => {
  const tokens = [...readFileSync(mapping, "utf8").matchAll(/"(proxmoxve:(\S+):\S+)"/g)];
  expect(tokens).toHaveLength(4);
  for (const [, token, file = ""] of tokens) {
    const source = readFileSync(join(dirname(packageFile), `${file.replace(/^index\//, "")}.js`), "utf8");
    expect(source).toContain(`__pulumiType = '${token}'`);
  }
});
