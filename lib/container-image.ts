/**
 * References of container images: what may be configured, and which image a tag meant when it was looked up. Pure.
 */

const host = "([A-Za-z0-9.-]+(:\\d+)?/)?";
const name = "[a-z0-9]+([._/-]+[a-z0-9]+)*";
const reference = new RegExp(
  `^(?<name>${host}${name})(:(?<tag>\\w[\\w.-]{0,127}))?(@(?<digest>sha256:[0-9a-f]{64}))?$`,
);

/** Whether the text names one image: `name:tag`, `name@sha256:…` or both. A name alone would mean whatever is newest. */
export function isImage(text: string): boolean {
  const groups = reference.exec(text)?.groups;
  return groups !== undefined && (groups.tag !== undefined || groups.digest !== undefined);
}

/** Whether the reference means the same image for ever. */
export function isPinned(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image);
}

/**
 * The reference by digest of an image that was pulled by its tag.
 * @param repoDigests what docker knows the image by: `name@sha256:…`, one for each registry that it came from.
 * @returns undefined when none of them is of the image's own repository.
 */
export function pinnedReference(image: string, repoDigests: readonly string[]): string | undefined {
  const own = reference.exec(image)?.groups?.name;
  if (own === undefined) return undefined;
  for (const known of repoDigests) {
    const groups = reference.exec(known)?.groups;
    if (groups?.digest && groups.name && familiar(groups.name) === familiar(own)) return `${own}@${groups.digest}`;
  }
  return undefined;
}

/** A name as docker spells it: without its own registry in front. */
function familiar(name: string): string {
  return name.replace(/^(index\.)?docker\.io\//, "").replace(/^library\//, "");
}
