/**
 * Configuration of a pool, in the terms of its runbook: every key with its unit, its default and an example.
 */

import { z } from "zod";
import { addressingInput, readinessInput, vmInput } from "../components/pool/inputs.ts";
import { networkInterface } from "../components/pool/interfaces.ts";
import { choice, ipv4, list, optional, structure, textField, wholeNumber, withDefault } from "../lib/config/fields.ts";
import { jumpKeys } from "../lib/config/jump-keys.ts";
import { netboxKeys } from "../lib/config/netbox-keys.ts";
import { siteKeys } from "../lib/config/site-keys.ts";
import type { ConfigOf } from "../lib/config/strict.ts";
import { placementChoice, placementFields } from "./placements/keys.ts";

const inStackFile = "(written in the stack file)";
const yesOrNo = (description: string, example: string) => choice({ description, example }, ["true", "false"]);

export const platformVmConfig = {
  ...siteKeys,
  env: optional(
    textField(
      {
        description:
          "Environment: decides bridge aliases and, where nothing else does, the prefix of names. Default: HYOPS_ENV, else the site contract's; never read from the stack's name.",
        example: "dev",
      },
      /^[a-z][a-z0-9-]*$/,
      "lower-case letters, digits and hyphens",
    ),
  ),

  placement: placementChoice,

  ...placementFields,

  name_prefix: withDefault(
    textField(
      {
        description: "Prefix of physical names; wins over context_id and the environment.",
        example: "platform-shared",
      },
      /^([a-z0-9]+(-[a-z0-9]+)*)?$/,
      "lower-case letters, digits and single hyphens",
    ),
    "",
  ),
  context_id: withDefault(
    textField(
      { description: "Prefix of physical names where name_prefix is empty.", example: "prod-a" },
      /^([a-z0-9]+(-[a-z0-9]+)*)?$/,
      "lower-case letters, digits and single hyphens",
    ),
    "",
  ),
  vm_role: withDefault(
    textField(
      { description: "Role of VMs that name none; becomes a tag.", example: "app" },
      /^[a-z0-9][a-z0-9_-]*$/,
      "a word",
    ),
    "platform-vm",
  ),

  template_state_ref: optional(
    textField(
      {
        description:
          "Where the templates' contract is: a stack of template-image (`dev`, `template-image/dev`), or the runbook's core/onprem/template-image, which is the stack named after the environment.",
        example: "core/onprem/template-image",
      },
      /^[\w./#-]+$/,
      "the name of a stack",
    ),
  ),
  template_key: withDefault(
    textField(
      { description: "Which template.", example: "debian-12" },
      /^[a-z0-9][a-z0-9.-]*$/,
      "a key of the templates",
    ),
    "ubuntu-24.04",
  ),
  template_vm_id: optional(
    wholeNumber(
      { description: "Id of a template, where no contract has it. An override.", example: "9000" },
      1,
      999_999_999,
    ),
  ),

  cpu_cores: withDefault(wholeNumber({ description: "Processor cores of each VM.", example: "4" }, 1, 512), "2"),
  memory_mb: withDefault(
    wholeNumber({ description: "Memory of each VM, in MiB.", example: "8192" }, 16, 16_777_216),
    "4096",
  ),
  disk_size_gb: withDefault(
    wholeNumber(
      {
        description:
          "Root disk of each VM, in GiB. Grows with the value on Proxmox VE; a shrink, and on libvirt every change, is refused.",
        example: "120",
      },
      1,
      65_536,
    ),
    "40",
  ),
  cpu_type: withDefault(
    textField(
      { description: "Processor that the VMs see.", example: "x86-64-v2-AES" },
      /^[\w.-]+$/,
      "a processor type",
    ),
    "host",
  ),
  on_boot: withDefault(yesOrNo("Whether the VMs start with their host.", "false"), "true"),
  guest_agent_enabled: withDefault(
    yesOrNo("Whether the VMs run the QEMU guest agent, which reports their addresses.", "false"),
    "true",
  ),
  dns_domain: withDefault(
    textField({ description: "Domain of the VMs.", example: "corp.example" }, /^[a-z0-9][a-z0-9.-]*$/, "a domain"),
    "hybzone.local",
  ),
  dns_servers: withDefault(
    list({ description: "Name servers of the VMs.", example: "10.20.0.53,10.20.0.54" }, z.ipv4("must be IPv4"), 1),
    "8.8.8.8",
  ),
  tags: withDefault(
    list(
      {
        description: "Tags of every VM; its role and the owner mark come in addition.",
        example: "platform,onprem,app",
      },
      z.string().regex(/^[a-z0-9_][a-z0-9_.+-]*$/i, "expected letters, digits, _ - + ."),
      1,
    ),
    "platform,onprem,custom-vm",
  ),

  require_ipam: withDefault(
    yesOrNo("Whether addresses must come from IPAM. Static addressing is an explicit override.", "false"),
    "true",
  ),
  addressing: optional(
    structure(
      { description: "Where addresses come from: mode static, or ipam with its provider.", example: inStackFile },
      addressingInput,
    ),
  ),
  ...netboxKeys,
  allow_vm_set_replace: withDefault(
    textField(
      {
        description:
          "Permission to remove or rename VMs: the digest that a refused run prints, which permits that change alone, or true.",
        example: "4be1c2a09d7735f0",
      },
      /^(true|false|[0-9a-f]{16})$/,
      "true, false, or the digest of one change",
    ),
    "false",
  ),

  interfaces: withDefault(
    structure(
      { description: "Network cards of VMs that have none of their own.", example: inStackFile },
      z.array(networkInterface),
    ),
    "[]",
  ),
  vms: withDefault(
    structure(
      { description: "The pool: VMs by logical name, each with what differs from the pool.", example: inStackFile },
      z.record(z.string(), vmInput),
    ),
    "{}",
  ),
  vm_name: optional(
    textField({ description: "Shorthand for a pool of one VM: its logical name.", example: "app-01" }, /\S/, "a name"),
  ),
  vm_id: optional(wholeNumber({ description: "Shorthand: its id.", example: "210" }, 1, 999_999_999)),
  vm_bridge: optional(
    textField({ description: "Shorthand: its bridge.", example: "vnetmgmt" }, /^[\w.-]+$/, "a bridge"),
  ),
  vm_ipv4_cidr: optional(
    textField(
      { description: "Shorthand: its address with prefix length.", example: "10.10.0.15/24" },
      /\S/,
      "an address",
    ),
  ),
  vm_gateway: optional(ipv4({ description: "Shorthand: its gateway.", example: "10.10.0.1" })),
  vm_mac: optional(
    textField({ description: "Shorthand: its MAC address.", example: "BC:24:11:00:00:15" }, /\S/, "a MAC address"),
  ),

  ssh_username: withDefault(
    textField(
      { description: "User that cloud-init makes, and that the readiness gate logs in as.", example: "ops" },
      /^[a-z_][a-z0-9_-]*$/,
      "a login name",
    ),
    "opsadmin",
  ),
  ssh_keys: withDefault(
    list(
      {
        description: "Public keys of that user. Default: the key of RUNNER_SSH_KEY_PATH.",
        example: "ssh-ed25519 AAAA…",
      },
      z.string().regex(/^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]+=*( .*)?$/, "expected public keys"),
      0,
    ),
    "",
  ),
  ...jumpKeys,
  post_apply_ssh_readiness: withDefault(
    structure(
      { description: "The readiness gate behind every update: a mapping, or false for none.", example: inStackFile },
      readinessInput,
    ),
    "{}",
  ),
};

/** Values of the configuration. */
export type PlatformVmConfig = ConfigOf<typeof platformVmConfig>;
