/**
 * Configuration of an operations runner, in the terms of its runbook: every key with its unit, its default and an example.
 */
import { z } from "zod";
import { choice, list, optional, textField, wholeNumber, withDefault } from "../lib/config/fields.ts";
import { jumpKeys } from "../lib/config/jump-keys.ts";
import { siteKeys } from "../lib/config/site-keys.ts";
import { releaseTools } from "../lib/release/tools.ts";

const yesOrNo = (description: string, example: string) => choice({ description, example }, ["true", "false"]);
const absolute = "an absolute path; must be an absolute path when set";

export const opsRunnerConfig = {
  ...siteKeys,
  env: optional(
    textField(
      {
        description: "Environment. Default: HYOPS_ENV, else the pool's; those that are given must agree.",
        example: "dev",
      },
      /^[a-z][a-z0-9-]*$/,
      "lower-case letters, digits and hyphens",
    ),
  ),
  place: withDefault(
    choice({ description: "Where the runner executes: on premises, or in the cloud.", example: "gcp" }, [
      "onprem",
      "gcp",
    ]),
    "onprem",
  ),
  direction: optional(
    choice(
      {
        description:
          "Which way it takes work: towards the cloud, or back on premises. Default: the way that ends at its place.",
        example: "failback",
      },
      ["failover", "failback"],
    ),
  ),
  failure_domain: optional(
    textField(
      {
        description: "What fails together with it. Default: the site contract's zone, else its place.",
        example: "rack-a",
      },
      /^[a-z0-9]+(-[a-z0-9]+)*$/,
      "lower-case letters, digits and single hyphens",
    ),
  ),

  "vms.stack": optional(
    textField(
      { description: "Stack of platform-vm that made the VM.", example: "dev-onprem-runner" },
      /^[\w.-]+$/,
      "the name of a stack",
    ),
  ),
  "vms.file": optional(
    textField(
      {
        description: "File with the vms@1 contract, where that stack's backend is out of reach.",
        example: "../vms.json",
      },
      /./,
      "a path",
    ),
  ),
  vm_key: withDefault(
    textField({ description: "Logical name of the VM in its pool.", example: "runner-02" }, /\S/, "a name"),
    "runner-01",
  ),

  target_user: withDefault(
    textField(
      {
        description: "Login on the VM, and who uses the toolchain. It owns nothing of it; sudo without a password.",
        example: "ops",
      },
      /^[a-z_][a-z0-9_-]*$/,
      "a login name",
    ),
    "opsadmin",
  ),
  target_port: withDefault(
    wholeNumber(
      { description: "SSH port of the VM.", example: "2222" },
      1,
      65535,
      "inputs.target_port must be a positive integer up to 65535",
    ),
    "22",
  ),
  ssh_access_mode: withDefault(
    textField(
      {
        description:
          "direct: straight, else over the jump host or the Proxmox host. bastion-explicit: over ssh_proxy_jump_host alone.",
        example: "bastion-explicit",
      },
      /^(direct|bastion-explicit)$/,
      "direct or bastion-explicit; inputs.ssh_access_mode must be one of: direct, bastion-explicit",
    ),
    "direct",
  ),
  ssh_proxy_jump_auto: optional(
    yesOrNo(
      "Whether the site's Proxmox host, as root, leads to the VM where nothing else does. Default: true on premises; refused in the cloud.",
      "false",
    ),
  ),
  ...jumpKeys,
  connectivity_timeout_s: withDefault(
    wholeNumber({ description: "Seconds that one stage of one attempt to log in may take.", example: "10" }, 1, 600),
    "5",
  ),
  connectivity_wait_s: withDefault(
    wholeNumber({ description: "Seconds that logging in may take; 0 is one attempt.", example: "180" }, 0, 3600),
    "60",
  ),

  runner_state: withDefault(
    textField(
      { description: "absent removes everything that was installed, and says so to whoever asks.", example: "absent" },
      /^(present|absent)$/,
      "present or absent; inputs.runner_state must be one of: present, absent",
    ),
    "present",
  ),
  runner_install_prefix: withDefault(
    textField(
      {
        description: "Directory of the toolchain on the VM, for it alone. Another one: the old one is removed first.",
        example: "/srv/holdfast",
      },
      /^(\/[A-Za-z0-9_][\w.-]*){2,}$/,
      "an absolute path of two plain names or more; must be an absolute path when set",
    ),
    "/opt/hybridops/core",
  ),
  runner_system_link: withDefault(yesOrNo("Whether /usr/local/bin/holdfast leads to it.", "false"), "true"),
  runner_sshd_gateway_ports: withDefault(
    yesOrNo("Whether sshd lets remote forwards ask for more than loopback (GatewayPorts clientspecified).", "true"),
    "false",
  ),
  runner_os: withDefault(
    choice({ description: "What the VM runs. debian is for labs, and warned about.", example: "debian" }, [
      "ubuntu-lts",
      "debian",
    ]),
    "ubuntu-lts",
  ),
  runner_tools: withDefault(
    list(
      {
        description: "Plugins of a release that is built from a checkout, beside the engine: proxmoxve, libvirt.",
        example: "proxmoxve,libvirt",
      },
      z.enum(releaseTools, { error: `expected one of ${releaseTools.join(", ")}` }),
      0,
    ),
    "proxmoxve",
  ),
  runner_release_root: optional(
    textField(
      {
        description: "Checkout that the release is built from. Default: this one.",
        example: "/srv/checkouts/holdfast",
      },
      /^\//,
      absolute,
    ),
  ),
  runner_release_archive_url: optional(
    textField(
      {
        description:
          "A release that was built before: file:///…, sent from here, or http(s)://…, fetched by the VM. Needs its digest.",
        example: "file:///srv/releases/holdfast.tar.gz",
      },
      /^(https?:\/\/[^/@?#]+\/[^@?#]+|file:\/\/\/[^?#]+)$/,
      "https://…, http://… or file:///…, without user or query; must start with https://, http://, or file://",
    ),
  ),
  runner_release_archive_sha256: optional(
    textField(
      { description: "Digest of that archive.", example: "sha256:<64 hexadecimal digits>" },
      /^sha256:[0-9a-f]{64}$/,
      "sha256: and 64 hexadecimal digits; must use format sha256:<hex>",
    ),
  ),
};
