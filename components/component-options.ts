/**
 * The one shape of our components: `new Component(name, args, opts)`, with the providers of its children in `opts.providers`.
 */
import type * as pulumi from "@pulumi/pulumi";

/**
 * Options of a component whose children are of these packages: `{ providers: { libvirt, holdfast } }`. The children have no other
 * provider than these: default ones are denied.
 */
export type ComponentOptions<Package extends string> = pulumi.ComponentResourceOptions & {
  /** By package, as its resources' types begin with it: `proxmoxve`, not `proxmox`. */
  providers: Record<Package, pulumi.ProviderResource>;
};
