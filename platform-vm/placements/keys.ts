/**
 * The placements by name, as far as the configuration goes: which there are, and which keys each has. Their modules are in
 * index.ts; they read the values of a configuration, and that is made of these. Pure.
 */
import { choice, withDefault } from "../../lib/config/fields.ts";
import type { ConfigShape } from "../../lib/config/strict.ts";
import { libvirtPlacementKeys as libvirt } from "./libvirt/keys.ts";
import { proxmoxPlacementKeys as proxmox } from "./proxmox/keys.ts";

/** The configuration of one placement. */
export interface PlacementKeys {
  /** Keys that are declared for it alone. */
  readonly fields: ConfigShape;
  /** Names of all keys that it has and not every placement, those that are declared in the pool's configuration among them. */
  readonly own: readonly string[];
  /** What a pool has here in the place of another placement's key, by that key; where it is not plain. */
  readonly instead: Readonly<Record<string, string>>;
}

/** Every placement's. */
export const placementKeys = { proxmox, libvirt } satisfies Record<string, PlacementKeys>;

/** Where a pool's VMs stand. */
export type PlacementName = keyof typeof placementKeys;

/** The keys of all placements, in the order of the documents. */
export const placementFields = { ...proxmox.fields, ...libvirt.fields };

const names = Object.keys(placementKeys) as [PlacementName, ...PlacementName[]];

/** `placement`. */
export const placementChoice = withDefault(
  choice(
    {
      description:
        "Where the VMs stand: a Proxmox VE, as clones of templates, or one libvirt host, from an image. The keys of the other one are refused.",
      example: "libvirt",
    },
    names,
  ),
  "proxmox",
);
