/**
 * Configuration of the templates of an environment: every key with its unit, its default and an example.
 */

import { z } from "zod";
import { choice, optional, structure, textField, wholeNumber, withDefault } from "../lib/config/fields.ts";
import { proxmoxKeys } from "../lib/config/proxmox-keys.ts";
import { siteKeys } from "../lib/config/site-keys.ts";

const word = /^[\w.-]+$/;
const dnsName = /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const snippet = /^[\w.-]+:snippets\/[\w.-]+$/;
const sha256 = /^[0-9a-f]{64}$/;
const sha512 = /^[0-9a-f]{128}$/;
const inStackFile = "(written in the stack file)";

/** A number as YAML or `pulumi config set --path` may have written it. */
const positive = (key: string) => {
  const message = `inputs.${key} must be a positive integer`;
  const typed = z
    .string()
    .regex(/^[1-9]\d*$/, message)
    .transform(Number);
  return z.union([z.int(message).positive(message), typed], { error: message });
};
const words = (key: string, pattern: RegExp, expected: string) =>
  z
    .string(`inputs.${key} must be a non-empty string`)
    .min(1, `inputs.${key} must be a non-empty string`)
    .regex(pattern, `expected ${expected}`);

const templateInput = z.strictObject({
  /** Where the cluster fetches the image. */
  url: z.url({ protocol: /^https?$/, error: "expected https://… or http://…, as the node fetches it" }).optional(),
  sha256: z.string().regex(sha256, "expected 64 hexadecimal digits").optional(),
  sha512: z.string().regex(sha512, "expected 128 hexadecimal digits").optional(),
  name: words("name", dnsName, "a host name in lower case").optional(),
  vmid: z
    .union([z.int(), z.string().regex(/^\d+$/).transform(Number)], {
      error: "inputs.vmid must be a non-negative integer",
    })
    .refine((id) => id >= 0, "inputs.vmid must be a non-negative integer")
    .refine((id) => id === 0 || id >= 100, "Proxmox VE gives ids from 100 on; 0 takes the next free one")
    .optional(),
  description: z.string("expected text").optional(),
  pool: z.string("inputs.pool must be a string when set").optional(),
  node_name: words("node_name", word, "a node").optional(),
  datastore_id: words("datastore_id", word, "a storage").optional(),
  network_bridge: words("network_bridge", word, "a bridge").optional(),
  cpu_cores: positive("cpu_cores").optional(),
  cpu_sockets: positive("cpu_sockets").optional(),
  cpu_type: words("cpu_type", word, "a processor type").optional(),
  memory_mb: positive("memory_mb").optional(),
  disk_size_gb: positive("disk_size_gb").optional(),
  vendor_data_file_id: z.string().regex(snippet, "expected storage:snippets/file").optional(),
});

/** What a template's own settings may say. */
export type TemplateInput = z.infer<typeof templateInput>;

const smokeInput = z.strictObject({
  /** Whether each new template is tried. */
  enabled: z.boolean().default(true),
  /** Whether a template that fails makes the update fail. */
  required: z.boolean().default(true),
  /** How long a clone may take until its agent has an address and SSH answers, in seconds each. */
  timeout_s: z.int().min(1).max(3600).default(300),
  /** How long the cluster may take to clone, in seconds. */
  clone_timeout_s: z.int().min(1).max(7200).default(900),
  /** `if-reachable`: a clone that this machine cannot reach is skipped, and said to be. */
  ssh_login: z.enum(["required", "if-reachable", "off"]).default("if-reachable"),
  /** Login that cloud-init makes on the clone, with the key of RUNNER_SSH_KEY_PATH. */
  ssh_username: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]*$/, "expected a login name")
    .default("opsadmin"),
});

/** How templates are tried. */
export type SmokeSettings = z.infer<typeof smokeInput>;

const size = (key: string, description: string, example: string, maximum: number) =>
  wholeNumber({ description, example }, 1, maximum, `inputs.${key} must be a positive integer`);

export const templateImageConfig = {
  ...siteKeys,

  ...proxmoxKeys,
  node_name: textField(
    { description: "Node that fetches the images and carries the templates.", example: "pve1" },
    word,
    "a node",
  ),
  datastore_id: withDefault(
    textField({ description: "Storage of the templates' disks.", example: "fast-lvm" }, word, "a storage"),
    "local-lvm",
  ),
  images_datastore_id: withDefault(
    textField(
      {
        description: "Storage that keeps the downloaded images; it must allow the content `import`.",
        example: "local",
      },
      word,
      "a storage",
    ),
    "local",
  ),
  network_bridge: withDefault(
    textField(
      { description: "Bridge of the templates' network card; the smoke test needs DHCP there.", example: "vnetmgmt" },
      /^[\w.-]{1,15}$/,
      "the name of a bridge",
    ),
    "vmbr0",
  ),
  pool: optional(
    textField({ description: "Resource pool; it must exist.", example: "templates" }, /^[\w./-]+$/, "a pool"),
  ),
  description: optional(
    textField(
      { description: "Description of the templates. Default: who made them.", example: "Ubuntu 24.04 base image" },
      /\S/,
      "text",
    ),
  ),

  templates: withDefault(
    structure(
      {
        description:
          "Templates by key (debian-12, rocky-10, rocky-9, ubuntu-22.04, ubuntu-24.04), each with url and sha256 (or sha512) of its cloud image and what differs from the keys of the same name here.",
        example: inStackFile,
      },
      z.record(z.string(), templateInput),
    ),
    "{}",
  ),
  template_key: optional(
    textField(
      { description: "Shorthand for one template: its key.", example: "ubuntu-24.04" },
      /^[a-z][\w.-]{0,39}$/i,
      "a template key",
    ),
  ),
  url: optional(
    textField(
      {
        description: "Shorthand: URL of its cloud image, as the node fetches it.",
        example:
          "https://cloud-images.ubuntu.com/releases/24.04/release-20240423/ubuntu-24.04-server-cloudimg-amd64.img",
      },
      /^https?:\/\/[^\s@]+$/,
      "https://… or http://…, as the node fetches it",
    ),
  ),
  sha256: optional(
    textField(
      { description: "Shorthand: SHA-256 of its cloud image.", example: "32a9d30d…" },
      sha256,
      "64 hexadecimal digits",
    ),
  ),
  sha512: optional(
    textField(
      { description: "Shorthand: SHA-512 of its cloud image, where the vendor publishes that.", example: "5f1c…" },
      sha512,
      "128 hexadecimal digits",
    ),
  ),
  name: optional(
    textField(
      { description: "Shorthand: its name. Default: <key>-template.", example: "noble-base" },
      dnsName,
      "a host name in lower case",
    ),
  ),
  vmid: optional(
    wholeNumber(
      { description: "Shorthand: its id; 0 takes the next free one. Default: 0.", example: "9001" },
      0,
      999_999_999,
      "inputs.vmid must be a non-negative integer",
    ),
  ),

  cpu_cores: withDefault(size("cpu_cores", "Processor cores.", "4", 512), "2"),
  cpu_sockets: withDefault(size("cpu_sockets", "Processor sockets.", "2", 4), "1"),
  cpu_type: withDefault(
    textField({ description: "Processor that the VMs see.", example: "x86-64-v2-AES" }, word, "a processor type"),
    "host",
  ),
  memory_mb: withDefault(size("memory_mb", "Memory, in MiB.", "8192", 16_777_216), "4096"),
  disk_size_gb: withDefault(
    size("disk_size_gb", "Root disk, in GiB; at least as large as the image's own.", "80", 65_536),
    "40",
  ),
  vendor_data_file_id: optional(
    textField(
      {
        description:
          "Snippet with cloud-init vendor data that every clone runs, for example to install qemu-guest-agent, which the images of Ubuntu and Debian lack. It must exist.",
        example: "local:snippets/guest-agent.yaml",
      },
      snippet,
      "storage:snippets/file",
    ),
  ),
  post_build_smoke: withDefault(
    structure(
      {
        description:
          "How each new template is tried: enabled, required, timeout_s, clone_timeout_s, ssh_login (required, if-reachable, off), ssh_username.",
        example: inStackFile,
      },
      smokeInput,
    ),
    "{}",
  ),
  allow_destroy_with_clones: withDefault(
    choice(
      {
        description:
          "Whether a template may be deleted while VMs are linked to it; counts once an `up` has recorded it. HOLDFAST_ALLOW_DESTROY_WITH_CLONES=<template's name> confirms one command.",
        example: "true",
      },
      ["true", "false"],
    ),
    "false",
  ),
};
