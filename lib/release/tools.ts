/**
 * The plugins that a release may hold beside the engine.
 */
export const releaseTools = ["proxmoxve", "libvirt"] as const;

/** A plugin of a release. */
export type ReleaseTool = (typeof releaseTools)[number];
