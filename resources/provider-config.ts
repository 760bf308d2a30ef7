/**
 * Configuration of the plugin's provider: where the stack's services are, and with which tokens they are asked.
 */
import { z } from "zod";
import { publicKeyLine } from "../lib/text.ts";
import { sshTarget } from "./ssh-target.ts";

export const providerConfig = z.strictObject({
  forgeToken: z
    .string()
    .optional()
    .describe("API token of the forge. Without it, runners are registered over SSH on the forge host."),
  forgeUrl: z
    .string()
    .optional()
    .describe(
      "Base URL of the forge that the token belongs to: it is sent nowhere else. States of release 0.1 have none.",
    ),
  hypervisors: z
    .array(sshTarget.extend({ hostKey: publicKeyLine.describe("Public host key that was met there.") }))
    .optional()
    .describe(
      "Hypervisors that the stack's libvirt provider connects to. A workstation that never met one takes its host key from here, and a libvirt that does not answer there ends the command instead of holding it for ever.",
    ),
  siteAddresses: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      'Addresses of the site\'s own machines, each with whose it is: { "192.168.1.1": "the gateway of lan" }. A VM that says it is at one of them is refused.',
    ),
  proxmoxEndpoint: z.string().optional().describe("URL of the Proxmox VE API."),
  proxmoxToken: z.string().optional().describe("API token for Proxmox VE: user@realm!id=uuid."),
  proxmoxInsecure: z.boolean().optional().describe("Whether a certificate that nobody vouches for is taken there."),
  netboxUrl: z.string().optional().describe("Base URL of NetBox, without /api."),
  netboxToken: z.string().optional().describe("API token for NetBox, v1 or v2."),
  netboxJumps: z
    .array(sshTarget)
    .optional()
    .describe("Ways to NetBox over SSH where it does not answer directly, the first one first."),
});

/** Configuration of the provider. */
export type ProviderConfig = z.infer<typeof providerConfig>;

/** What of it is secret. */
export const providerSecrets: readonly string[] = [
  "forgeToken",
  "proxmoxToken",
  "netboxToken",
] satisfies (keyof ProviderConfig)[];
