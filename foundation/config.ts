/**
 * Configuration of the foundation: the facts of one site.
 */
import { list, structure, textField, withDefault } from "../lib/config/fields.ts";
import { publicAddress, siteParts } from "../lib/contracts/site.ts";

const name = /^[a-z0-9]+(-[a-z0-9]+)*$/;

export const foundationConfig = {
  "site.id": textField(
    {
      description: "Id of the site, part of every owner mark. Never change it while anything stands.",
      example: "home",
    },
    name,
    "lower-case letters, digits and single hyphens",
  ),
  "site.env": withDefault(
    textField(
      { description: "Environment of this stack.", example: "dev" },
      name,
      "lower-case letters, digits and single hyphens",
    ),
    "shared",
  ),
  "site.zone": withDefault(
    textField(
      { description: "Zone within the site, part of address identities.", example: "lan" },
      name,
      "lower-case letters, digits and single hyphens",
    ),
    "lan",
  ),
  networks: withDefault(
    structure(
      {
        description: "Networks of the site with bridge, CIDR, gateway, DNS, DHCP range and VLAN.",
        example: "(written in the stack file)",
      },
      siteParts.networks,
    ),
    "[]",
  ),
  publicAddresses: withDefault(
    list(
      {
        description: "Addresses or networks by which the internet sees the site; fenced jobs do not reach them.",
        example: "203.0.113.7,203.0.113.64/29",
      },
      publicAddress,
      0,
    ),
    "",
  ),
  authorities: withDefault(
    structure(
      {
        description: "Forge, NetBox and Proxmox: URL, SSH address and which secret key has their credential.",
        example: "(written in the stack file)",
      },
      siteParts.authorities,
    ),
    "{}",
  ),
  "gcp.projects": withDefault(
    structure(
      { description: "GCP project ids by role: host, control, workload.", example: "(written in the stack file)" },
      siteParts.gcpProjects,
    ),
    "{}",
  ),
  "naming.prefix": withDefault(
    textField(
      { description: "Prefix of physical names; empty for none.", example: "dev" },
      /^([a-z0-9]+(-[a-z0-9]+)*)?$/,
      "lower-case letters, digits and single hyphens",
    ),
    "",
  ),
};
