/**
 * The configuration keys of the ways over other machines by which VMs are reached; what is decided from them is in
 * lib/config/ssh-routes.ts.
 */
import { hostName, optional, textField, wholeNumber, withDefault } from "./fields.ts";

/** `ssh_proxy_jump_host`, `ssh_proxy_jump_user`, `ssh_proxy_jump_port`, `bastion.address`. */
export const jumpKeys = {
  ssh_proxy_jump_host: optional(
    hostName({ description: "Jump host that leads to the VMs.", example: "bastion.example.org" }),
  ),
  ssh_proxy_jump_user: withDefault(
    textField({ description: "Login on the jump host.", example: "ops" }, /^[a-z_][a-z0-9_-]*$/, "a login name"),
    "root",
  ),
  ssh_proxy_jump_port: withDefault(
    wholeNumber({ description: "SSH port of the jump host.", example: "2222" }, 1, 65535),
    "22",
  ),
  "bastion.address": optional(
    hostName({
      description: "Address of the Proxmox host for SSH, the last way to the VMs. Default: the site contract's.",
      example: "192.168.1.5",
    }),
  ),
};
