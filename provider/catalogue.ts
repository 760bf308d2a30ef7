/**
 * What the plugin offers: the resource kinds and functions that no published provider has. Written by `npm run derived` from
 * what the modules in the folders beside it export: a bundle has no folder to look into.
 */
import { runnerRegistration } from "./forge/runner-registration.ts";
import { bridgeForward } from "./host/bridge-forward.ts";
import { egressFence } from "./host/egress-fence.ts";
import { preflight } from "./host/preflight.ts";
import { ipReservation } from "./netbox/ip-reservation.ts";
import { virtualMachineRecord } from "./netbox/vm-record.ts";
import manifest from "./package.json" with { type: "json" };
import { poolGuard } from "./proxmox/pool-guard.ts";
import { poolPreflight } from "./proxmox/pool-preflight.ts";
import { proxmoxPreflight } from "./proxmox/preflight.ts";
import { snippet } from "./proxmox/snippet.ts";
import { templateGuard } from "./proxmox/template-guard.ts";
import { templateSmoke } from "./proxmox/template-smoke.ts";
import { operationsToolchain } from "./runner/operations-toolchain.ts";
import { runnerService } from "./runner/service.ts";
import type { Catalogue } from "./server.ts";
import { hostKey } from "./ssh/host-key.ts";
import { readiness } from "./ssh/readiness.ts";

export const catalogue: Catalogue = {
  version: manifest.version,
  // biome-ignore format: one line each.
  kinds: [
    runnerRegistration,
    bridgeForward,
    egressFence,
    ipReservation,
    virtualMachineRecord,
    poolGuard,
    snippet,
    templateGuard,
    templateSmoke,
    operationsToolchain,
    runnerService,
    hostKey,
    readiness,
  ],
  // biome-ignore format: one line each.
  functions: [
    preflight,
    poolPreflight,
    proxmoxPreflight,
  ],
};
