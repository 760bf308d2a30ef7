/**
 * What a template on Proxmox VE is called and marked with. Pure.
 */
import { proxmoxTag } from "../../lib/owner-mark.ts";
import type { TemplateKey } from "./images.ts";

/** How an image is told from any other. */
export interface Digest {
  algorithm: "sha256" | "sha512";
  /** Hexadecimal, lower case. */
  hex: string;
}

/** A digest in one word: `sha256:…`. */
export function digestText({ algorithm, hex }: Digest): string {
  return `${algorithm}:${hex}`;
}

/** The tag of templates that are made of this image; twelve digits are enough to tell images apart. */
export function digestTag({ algorithm, hex }: Digest): string {
  return `${algorithm}-${hex.slice(0, 12)}`;
}

/** The tags of a template, sorted as Proxmox VE keeps them. */
export function templateTags(owner: string, key: TemplateKey, digest: Digest): string[] {
  return [proxmoxTag(owner), digestTag(digest), key].sort();
}

/**
 * Name of the downloaded image on its storage. Stacks share storages, so it has the owner in it: each has files of its own,
 * and deletes no other's. The suffix is what Proxmox VE tells the format by; the vendors' `.img` are qcow2.
 */
export function imageFileName(owner: string, key: TemplateKey, digest: Digest): string {
  return `${owner}-${key}-${digest.hex.slice(0, 12)}.qcow2`;
}
