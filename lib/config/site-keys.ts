/**
 * The configuration keys by which a project finds its site, and what is decided from them. Pure.
 */
import type { Site } from "../contracts/site.ts";
import { ownerMark } from "../owner-mark.ts";
import { optional, textField } from "./fields.ts";

/** `site.id`, `site.stack`, `site.file`. */
export const siteKeys = {
  "site.id": optional(
    textField(
      {
        description: "Id of the site, part of the owner mark. Default: the site contract's, else `site`.",
        example: "home",
      },
      /^[a-z0-9]+(-[a-z0-9]+)*$/,
      "lower-case letters, digits and single hyphens",
    ),
  ),
  "site.stack": optional(
    textField(
      { description: "Foundation stack whose site contract to read. Optional.", example: "shared" },
      /^[\w.-]+$/,
      "the name of a stack",
    ),
  ),
  "site.file": optional(
    textField(
      {
        description: "File with the site contract, where the foundation's backend is out of reach. Optional.",
        example: "../site.json",
      },
      /./,
      "a path",
    ),
  ),
};

/** Values of the keys. */
export type SiteKeys = { [Key in keyof typeof siteKeys]?: string | undefined };

/**
 * The owner mark of a stack on its site.
 * @param report told everything that does not fit together, by configuration key.
 */
export function planOwner(
  config: SiteKeys,
  site: Site | undefined,
  place: { project: string; stack: string },
  report: (key: string, reason: string) => void,
): string {
  if (site && config["site.id"] && config["site.id"] !== site.siteId) {
    report("site.id", `differs from the site contract's ${site.siteId}`);
  }
  if (config["site.stack"] && config["site.file"]) {
    report("site.file", "is set beside site.stack; say in one way only where the site contract is");
  }
  try {
    return ownerMark({ site: site?.siteId ?? config["site.id"] ?? "site", ...place });
  } catch (error) {
    report("site.id", (error as Error).message);
    return "";
  }
}
