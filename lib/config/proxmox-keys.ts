/**
 * The configuration keys by which a project reaches Proxmox VE, and what is decided from them. Pure.
 */
import type { Site } from "../contracts/site.ts";
import { baseUrl, choice, optional, secret, textField, withDefault } from "./fields.ts";

/** `proxmox.endpoint`, `proxmox.token`, `proxmox.insecure`. */
export const proxmoxKeys = {
  "proxmox.endpoint": optional(
    baseUrl({
      description: "URL of the Proxmox VE API, https. Default: the site contract's.",
      example: "https://pve1.example.org:8006",
    }),
  ),
  "proxmox.token": secret(
    textField(
      { description: "API token, user@realm!id=uuid.", example: "(pulumi config set --secret proxmox.token)" },
      /^\S+@\S+!\S+=[a-zA-Z0-9-]+$/,
      "user@realm!id=uuid",
    ),
  ),
  "proxmox.insecure": withDefault(
    choice(
      {
        description:
          "Whether a certificate that nobody vouches for is taken. Better: SSL_CERT_FILE with the site's own.",
        example: "true",
      },
      ["true", "false"],
    ),
    "false",
  ),
};

/**
 * URL of the API: the configuration's, else the site's.
 * @param report told when there is none, or one to which no token may be sent.
 */
export function planEndpoint(
  configured: string | undefined,
  site: Site | undefined,
  report: (key: string, reason: string) => void,
): string {
  const endpoint = configured ?? site?.authorities.proxmox?.url.replace(/\/+$/, "") ?? "";
  if (endpoint === "") {
    report("proxmox.endpoint", "is required: pulumi config set proxmox.endpoint https://<address of a node>:8006");
  } else if (!endpoint.startsWith("https://")) {
    report("proxmox.endpoint", "must begin with https://: a token is never sent in the clear");
  }
  return endpoint;
}
