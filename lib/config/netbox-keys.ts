/**
 * The configuration keys by which a project reaches NetBox.
 */
import { optional, secret, textField } from "./fields.ts";

/** `netbox.file`, `netbox.token`, `netbox.cluster`. */
export const netboxKeys = {
  "netbox.file": optional(
    textField(
      {
        description: "File with the netbox@1 contract that `holdfast netbox bootstrap` wrote; required with IPAM.",
        example: "../netbox.json",
      },
      /./,
      "a path",
    ),
  ),
  "netbox.token": optional(
    secret(
      textField(
        { description: "API token for NetBox, v1 or v2.", example: "(pulumi config set --secret netbox.token)" },
        /^(nbt_[A-Za-z0-9]+\.)?[A-Za-z0-9]{40}$/,
        "a token of NetBox: 40 characters, or nbt_<key>.<40 characters>",
      ),
    ),
  ),
  "netbox.cluster": optional(
    textField(
      { description: "Cluster of the VMs' records in NetBox. Default: <zone>-<environment>.", example: "onprem-core" },
      /^\S.{0,98}\S$/,
      "2 to 100 characters",
    ),
  ),
};
