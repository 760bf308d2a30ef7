/**
 * The owner mark: who made an object outside. One value, one encoding per system; nothing without it is ever touched.
 */

/** What stands before the mark in a description. */
const descriptionPrefix = "Made by holdfast for ";

/** What stands before the mark in a tag on Proxmox VE. */
const tagPrefix = "holdfast.";

/** What a mark is made of. */
export interface Owner {
  /** Id of the site; a plain configuration value. */
  site: string;
  /** Pulumi project. */
  project: string;
  /** Pulumi stack. */
  stack: string;
}

/** Characters that every system takes in a mark: lower-case letters, digits and single hyphens. */
const part = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Longest mark: the tightest system is a Kubernetes or GCP label with 63 characters. */
const maximum = 63;

/**
 * The mark in text: `<site>.<project>.<stack>`.
 * @throws when a part has characters that some system refuses, or the whole is too long.
 */
export function ownerMark(owner: Owner): string {
  for (const [name, value] of Object.entries(owner)) {
    if (!part.test(value)) {
      throw new Error(
        `owner mark: ${name} must be lower-case letters, digits and single hyphens to be legal everywhere, for example \`home-1\``,
      );
    }
  }
  const mark = `${owner.site}.${owner.project}.${owner.stack}`;
  if (mark.length > maximum)
    throw new Error(`owner mark: ${mark} is longer than ${maximum} characters; shorten site.id or the stack's name`);
  return mark;
}

/** Reads a mark back into its parts; undefined for anything that is no mark. */
export function parseOwnerMark(mark: string): Owner | undefined {
  const [site, project, stack, ...rest] = mark.split(".");
  if (!site || !project || !stack || rest.length > 0) return undefined;
  return [site, project, stack].every((value) => part.test(value)) ? { site, project, stack } : undefined;
}

/**
 * The mark as a description: of a libvirt domain, where it is the one free field that the libvirt provider really writes, and of
 * a VM on Proxmox VE, which has it from the request that clones it, before it gets its tags.
 */
export function ownerDescription(mark: string): string {
  return `${descriptionPrefix}${mark}`;
}

/** The mark that a description is, or undefined when it is none. Space around it does not count. */
export function describedOwner(description: string): string | undefined {
  const text = description.trim();
  if (!text.startsWith(descriptionPrefix)) return undefined;
  const mark = text.slice(descriptionPrefix.length);
  return parseOwnerMark(mark) ? mark : undefined;
}

/** The mark in a domain's XML, or undefined when it has none. */
export function domainOwner(xml: string): string | undefined {
  return describedOwner(/<description>([^<]*)<\/description>/.exec(xml)?.[1] ?? "");
}

/** The mark as a tag on Proxmox VE, which takes lower-case letters, digits, `_`, `-`, `+` and `.`: `holdfast.<mark>`. */
export function proxmoxTag(mark: string): string {
  return `${tagPrefix}${mark}`;
}

/**
 * The mark among a VM's tags on Proxmox VE, or undefined when it has none.
 * @param tags as the API gives them: separated by `;`, or by what an operator may have typed instead.
 */
export function proxmoxOwner(tags: string): string | undefined {
  const marks = tags
    .split(/[;,\s]+/)
    .filter((tag) => tag.startsWith(tagPrefix))
    .map((tag) => tag.slice(tagPrefix.length))
    .filter((mark) => parseOwnerMark(mark));
  // Two owners are as good as none: nobody may touch it.
  return marks.length === 1 ? marks[0] : undefined;
}
