/**
 * The NetBox of a stack, reached in the way that works.
 */
import type { Operation } from "../kind.ts";
import { NetboxApi } from "./api.ts";

/** NetBox as the stack's configuration says where it is. @throws Error when it does not. */
export async function netboxApi({ config, signal }: Pick<Operation, "config" | "signal" | "log">): Promise<NetboxApi> {
  const { netboxUrl: url, netboxToken: token } = config;
  if (!url || !token) throw new Error("the plugin's provider has no NetBox: it needs netboxUrl and netboxToken");
  return new NetboxApi({ url, token, signal });
}
