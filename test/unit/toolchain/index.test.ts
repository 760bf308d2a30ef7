import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ensureToolchain } from "../../../toolchain/index.ts";
import { platform, versions } from "../../../toolchain/pins.ts";
import { zip } from "../../fixtures/toolchain-zip.fixture.ts";

let cache: string;
let server: Server;
const provider = `terraform-provider-libvirt_v${versions.libvirt}`;
const archive = `terraform-provider-libvirt_${versions.libvirt}_${platform.os}_${platform.arch}.zip`;

/** A machine with the engine and the bridge installed, and a mirror that has the Terraform provider. */
beforeEach(async () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-toolchain-"));
  cache = join(directory, "cache");
  const installed = join(directory, "installed");
  mkdirSync(installed);
  const commands = {
    pulumi: versions.pulumi,
    "pulumi-language-nodejs": "",
    "pulumi-resource-pulumi-nodejs": "",
    "pulumi-analyzer-policy": "",
    "pulumi-resource-terraform-provider": versions.terraformProvider,
    "pulumi-resource-proxmoxve": versions.proxmoxve,
  };
  for (const [name, version] of Object.entries(commands)) {
    writeFileSync(join(installed, name), `#!/bin/sh\necho v${version}\n`);
    chmodSync(join(installed, name), 0o755);
  }
  const content = zip(provider, 0, Buffer.from("provider"));
  server = createServer((request, response) => {
    const sums = `${createHash("sha256").update(content).digest("hex")}  ${archive}\n`;
    response.end(request.url === `/${archive}` ? content : sums);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("HOLDFAST_CACHE", cache);
  vi.stubEnv("HOLDFAST_TOOLCHAIN_DOWNLOADS", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv("PATH", `${installed}${delimiter}/usr/bin${delimiter}/bin`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

test("the engine alone has a home without plugins, and comes first on PATH", async () => {
  const { env, binary } = await ensureToolchain(["pulumi"]);
  expect(env.PATH?.split(delimiter)[0]).toBe(join(binary("pulumi"), ".."));
  expect(existsSync(join(env.PULUMI_HOME ?? "", "plugins"))).toBe(false);
  expect(env).toMatchObject({ PULUMI_SKIP_UPDATE_CHECK: "1", PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" });
  expect(env).not.toHaveProperty("PULUMI_DYNAMIC_TF_PLUGIN_CACHE_DIR");
  expect(() => binary("gitea")).toThrow("asked for without gitea");
});

test("with libvirt, another home has its plugin, and the provider lies where the bridge looks", async () => {
  const alone = await ensureToolchain(["pulumi"]);
  const { env } = await ensureToolchain(["libvirt", "pulumi"]);
  const home = env.PULUMI_HOME ?? "";
  expect(home).not.toBe(alone.env.PULUMI_HOME);
  const plugin = join(home, "plugins/resource-terraform-provider-v0.14.0/pulumi-resource-terraform-provider");
  expect(readFileSync(plugin, "utf8")).toContain("v0.14.0");
  const place = `registry.opentofu.org/dmacvicar/libvirt/0.8.3/${platform.os}_${platform.arch}`;
  expect(readFileSync(join(env.PULUMI_DYNAMIC_TF_PLUGIN_CACHE_DIR ?? "", place, provider), "utf8")).toBe("provider");
});

test("with proxmoxve, its plugin is in a home of its own; with both, one home has both", async () => {
  const plugin = (home = "") => join(home, "plugins/resource-proxmoxve-v8.6.0/pulumi-resource-proxmoxve");
  const { env: alone } = await ensureToolchain(["proxmoxve", "pulumi"]);
  expect(readFileSync(plugin(alone.PULUMI_HOME), "utf8")).toContain("v8.6.0");
  expect(readdirSync(join(alone.PULUMI_HOME ?? "", "plugins"))).toEqual(["resource-proxmoxve-v8.6.0"]);
  const { env: libvirt } = await ensureToolchain(["libvirt", "pulumi"]);
  expect(existsSync(plugin(libvirt.PULUMI_HOME))).toBe(false);
  const { env: both } = await ensureToolchain(["libvirt", "proxmoxve", "pulumi"]);
  expect(readdirSync(join(both.PULUMI_HOME ?? "", "plugins")).sort()).toEqual([
    "resource-proxmoxve-v8.6.0",
    "resource-terraform-provider-v0.14.0",
  ]);
});

test("only what was asked for is made", async () => {
  const { made } = await ensureToolchain(["pulumi"]);
  expect(made.map(({ name }) => name)).toEqual(["pulumi"]);
  expect(existsSync(join(cache, "toolchain/gitea"))).toBe(false);
  expect(existsSync(join(cache, "toolchain/terraform-bridge"))).toBe(false);
});
