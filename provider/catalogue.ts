/**
 * What the plugin offers: the resource kinds and functions that no published provider has.
 */
import { readFileSync } from "node:fs";
import { runnerRegistration } from "./forge/runner-registration.ts";
import { bridgeForward } from "./host/bridge-forward.ts";
import { egressFence } from "./host/egress-fence.ts";
import { preflight } from "./host/preflight.ts";
import { poolPreflight } from "./proxmox/pool-preflight.ts";
import { proxmoxPreflight } from "./proxmox/preflight.ts";
import { templateGuard } from "./proxmox/template-guard.ts";
import { templateSmoke } from "./proxmox/template-smoke.ts";
import { runnerService } from "./runner/service.ts";
import type { Catalogue } from "./server.ts";
import { hostKey } from "./ssh/host-key.ts";
import { readiness } from "./ssh/readiness.ts";

const { version } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8")) as { version: string };

export const catalogue: Catalogue = {
  version,
  kinds: [
    hostKey,
    bridgeForward,
    egressFence,
    runnerRegistration,
    runnerService,
    readiness,
    templateGuard,
    templateSmoke,
  ] as unknown as Catalogue["kinds"],
  functions: [preflight, proxmoxPreflight, poolPreflight] as unknown as Catalogue["functions"],
};
