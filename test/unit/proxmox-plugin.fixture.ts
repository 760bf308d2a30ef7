/**
 * The plugin beside a simulated Proxmox VE of the test's own, configured as the engine configures it.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import type { ProxmoxOptions } from "../../lab/proxmox/simulator.ts";
import { catalogue } from "../../provider/catalogue.ts";
import { Recorder } from "../../provider/evidence/recorder.ts";
import { engineFor, secret } from "./provider-client.fixture.ts";
import { proxmoxApi } from "./proxmox-api.fixture.ts";

/** Trusts this certificate for the rest of the test, as an operator does. */
export function trust(certificate: string): void {
  const file = join(mkdtempSync(join(tmpdir(), "holdfast-pve-")), "proxmox.pem");
  writeFileSync(file, certificate);
  vi.stubEnv("SSL_CERT_FILE", file);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

/** Starts both. `grants` are those of the plugin's token; default: every privilege. */
export async function pluginOnProxmox(options: ProxmoxOptions = {}, grants?: Record<string, string[]>) {
  const api = await proxmoxApi(options);
  const { proxmox } = api;
  trust(proxmox.certificate);
  vi.stubEnv("XDG_STATE_HOME", mkdtempSync(join(tmpdir(), "holdfast-state-")));
  const engine = await engineFor(catalogue, { recorder: new Recorder({ holdfast: "0.0.1", state: "1" }) });
  const token = grants ? proxmox.addToken("ci@pve!holdfast", grants) : proxmox.token;
  await engine.configure({ proxmoxEndpoint: proxmox.url, proxmoxToken: secret(token) });
  return { ...api, engine, token };
}
