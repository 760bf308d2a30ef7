/**
 * `netbox@1`: a NetBox that is ready to be the authority over addresses, as `holdfast netbox bootstrap` found and left it.
 * A file, since no stack makes a NetBox. It names the token's place, never the token.
 */
import { z } from "zod";
import type { Contract } from "./contract.ts";

/** Base URL of a NetBox, without user or password. */
export const netboxUrl = z
  .url({ protocol: /^https?$/, error: "expected http(s)://…" })
  .refine((url) => !/\/\/[^/]*@/.test(url), "expected no user or password in it");

const netbox = z.strictObject({
  contract: z.literal("netbox@1"),
  /** Base URL, without a trailing slash or `/api`. */
  url: netboxUrl,
  /** As NetBox says of itself, for example `4.7.3`. */
  version: z.string().min(1),
  /** Names of our custom fields that are there. */
  customFields: z.array(z.string().min(1)),
  /** Slugs of our tags that are there. */
  tags: z.array(z.string().min(1)),
  /** Name of the secret configuration key with the token. */
  secretKey: z.literal("netbox.token"),
});

/** A ready NetBox. */
export type Netbox = z.infer<typeof netbox>;

export const netboxContract: Contract<typeof netbox> = {
  version: "netbox@1",
  output: "netbox",
  producer: "NetBox",
  command: "holdfast netbox bootstrap --url <URL of NetBox> --file",
  schema: netbox,
};
