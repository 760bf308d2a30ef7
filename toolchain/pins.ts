/**
 * The one place that names versions. docs/toolchain.md says how to change one.
 */

/** Exact versions, without a leading `v`. */
export const versions = {
  /** The Pulumi engine and command line. */
  pulumi: "3.255.0",
  /** The newest Go module that still contains the Node.js language host; used only when the engine is built. */
  languageHost: "3.60.0",
  /** Pulumi's dynamic bridge, `pulumi-resource-terraform-provider`. */
  terraformProvider: "0.14.0",
  /** dmacvicar/libvirt, which the dynamic bridge runs. */
  libvirt: "0.8.3",
  /** The npm package `@muhlba91/pulumi-proxmoxve`, and its plugin; toolchain/go/proxmoxve has the Terraform provider's. */
  proxmoxve: "8.6.0",
  /** The lab's forge. */
  gitea: "1.26.0",
} as const;

/** This machine as Go names it, for example `{ os: "linux", arch: "amd64" }`. */
export const platform = { os: process.platform, arch: process.arch === "x64" ? "amd64" : process.arch };
