/**
 * The configuration keys by which a project reaches a libvirt host and makes VMs there, and what is decided from them. Pure.
 */
import type { SshTarget } from "../ssh/dial.ts";
import { choice, fileUrl, hostName, optional, textField, wholeNumber, withDefault } from "./fields.ts";

/** Public keys as `ssh-keyscan` and authorized_keys have them. */
export const publicKey = /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]+=*( .*)?$/;

/** Names that log in. */
export const loginName = /^[a-z_][a-z0-9_-]*$/;

/** SHA-256 in hexadecimal. */
export const sha256 = /^[0-9a-f]{64}$/;

/** `host.address`, `host.user`, `host.port`, `host.hostKey`. */
export const libvirtHostKeys = {
  "host.address": hostName({ description: "Address of the libvirt host.", example: "192.168.1.2" }),
  "host.user": withDefault(
    textField(
      {
        description: "Login on the libvirt host; anyone but root needs sudo without a password and the group libvirt.",
        example: "root",
      },
      loginName,
      "a login name",
    ),
    "root",
  ),
  "host.port": withDefault(
    wholeNumber({ description: "SSH port of the libvirt host.", example: "22" }, 1, 65535),
    "22",
  ),
  "host.hostKey": optional(
    textField(
      {
        description:
          "Public SSH host key of the libvirt host. Empty: trusted on first use, into this stack's own known_hosts.",
        example: "ssh-ed25519 AAAA…",
      },
      publicKey,
      "a public key as ssh-keyscan prints it",
    ),
  ),
};

/** `vm.pool`, `vm.image.url`, `vm.image.sha256`, `vm.type`. */
export const libvirtVmKeys = {
  "vm.pool": withDefault(
    textField(
      { description: "Storage pool on the libvirt host for all volumes.", example: "images" },
      /^[\w.-]+$/,
      "the name of a pool",
    ),
    "images",
  ),
  "vm.image.url": withDefault(
    fileUrl({ description: "Cloud image with cloud-init, qcow2.", example: "file:///srv/images/ubuntu-24.04.img" }),
    "https://cloud-images.ubuntu.com/releases/24.04/release-20240423/ubuntu-24.04-server-cloudimg-amd64.img",
  ),
  "vm.image.sha256": withDefault(
    textField(
      {
        description:
          "SHA-256 of the image; the vendor publishes it in SHA256SUMS beside the image. Set it together with vm.image.url.",
        example: "32a9d30d…",
      },
      sha256,
      "64 hexadecimal digits",
    ),
    "32a9d30d18803da72f5936cf2b7b9efcb4d0bb63c67933f17e3bdfd1751de3f3",
  ),
  "vm.type": withDefault(
    choice(
      {
        description: "Domain type: kvm, or qemu where the host cannot virtualise (ten times slower).",
        example: "qemu",
      },
      ["kvm", "qemu"],
    ),
    "kvm",
  ),
};

/** The libvirt host as SSH dials it. `stack` is `<project>/<stack>`. */
export function libvirtHost(
  config: {
    "host.address": string;
    "host.port": number;
    "host.user": string;
    "host.hostKey": string | undefined;
  },
  stack: string,
): SshTarget {
  return {
    host: config["host.address"],
    port: config["host.port"],
    user: config["host.user"],
    hostKey: config["host.hostKey"],
    stack,
  };
}
