/**
 * The guard of a pool's set of VMs: what a change of the set would take away from people who use those machines. It looks at
 * the stack's real state, whatever came of its last run. Pure.
 */
import { createHash } from "node:crypto";

/** The change from the VMs that the state has to those that the configuration asks for, by logical name, sorted. */
export interface VmSetChange {
  existingOnly: string[];
  requestedOnly: string[];
}

/** What the guard says. */
export type VmSetVerdict =
  | { allowed: true; added: string[]; warning?: string }
  | { allowed: false; message: string; transition: string };

/** How a change of the set is permitted: for good, or for one transition alone, by its digest. */
export type ReplacePermission = boolean | string;

/** What differs between two sets of names. */
export function vmSetChange(existing: readonly string[], requested: readonly string[]): VmSetChange {
  const without = (names: readonly string[], others: readonly string[]) =>
    [...new Set(names)].filter((name) => !others.includes(name)).sort();
  return { existingOnly: without(existing, requested), requestedOnly: without(requested, existing) };
}

/** Digest of one transition: a permission that names it is worth nothing for any other. */
export function transitionDigest(stack: string, existing: readonly string[], requested: readonly string[]): string {
  const sets = [existing, requested].map((names) => [...new Set(names)].sort());
  return createHash("sha256")
    .update(JSON.stringify([stack, ...sets]))
    .digest("hex")
    .slice(0, 16);
}

/**
 * Judges a change. Additions to what stands are allowed and shown; removals, and renames, which are removals beside
 * additions, need a permission.
 * @param stack `<project>/<stack>`, for the message and the digest.
 * @param permission `allow_vm_set_replace`: a digest, or the plain `true` of older overlays.
 */
export function judgeVmSet(
  stack: string,
  existing: readonly string[],
  requested: readonly string[],
  permission: ReplacePermission,
): VmSetVerdict {
  const { existingOnly, requestedOnly } = vmSetChange(existing, requested);
  if (existingOnly.length === 0) return { allowed: true, added: existing.length > 0 ? requestedOnly : [] };
  const transition = transitionDigest(stack, existing, requested);
  const lists = `existing_only=[${existingOnly.join(", ")}], requested_only=[${requestedOnly.join(", ")}]`;
  if (permission === transition) return { allowed: true, added: requestedOnly };
  if (permission === true) {
    return {
      allowed: true,
      added: requestedOnly,
      warning:
        `allow_vm_set_replace=true: proceeding despite VM set collision for module_ref=${stack}; ${lists}. ` +
        `It permits every later removal, too; permit this one alone with: pulumi config set allow_vm_set_replace ${transition}`,
    };
  }
  const stale = typeof permission === "string" ? " The permission that is set was given for another change." : "";
  return {
    allowed: false,
    transition,
    message:
      `vm set collision detected: requested VM names differ from existing managed VM names for module_ref=${stack}; ${lists}. ` +
      "This run would replace active VMs. Use a separate env/module scope, or explicitly set inputs.allow_vm_set_replace=true " +
      `when replacement is intentional.${stale} To permit this one change: pulumi config set allow_vm_set_replace ${transition}`,
  };
}
