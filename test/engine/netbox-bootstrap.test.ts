/**
 * Proves that a real NetBox is made ready, that a second time changes nothing, and what is said of one that cannot serve.
 * Does not prove anything of another version than the lab's.
 */
import { describe, expect, it } from "vitest";
import { checkContract } from "../../lib/contracts/contract.ts";
import { netboxContract } from "../../lib/contracts/netbox.ts";
import { NetboxApi } from "../../lib/netbox/api.ts";
import { bootstrapNetbox } from "../../provider/netbox/bootstrap.ts";
import { realNetbox } from "../real-netbox.ts";

const netbox = await realNetbox();

describe.skipIf(netbox.missing)("a bootstrap", () => {
  const api = (token?: string) => {
    if (netbox.missing !== undefined) throw new Error(netbox.missing);
    return new NetboxApi({ url: netbox.url, token: token ?? netbox.token, signal: AbortSignal.timeout(60_000) });
  };

  it("finds what an earlier one made, makes nothing, and describes it", async () => {
    const { netbox: ready, made } = await bootstrapNetbox(api());
    expect(made).toEqual([]);
    expect(checkContract(netboxContract, ready, "it gives").version).toBe("4.7.3");
  });

  it("works with a token of the first kind, too", async () => {
    if (netbox.missing !== undefined) return;
    expect((await bootstrapNetbox(api(netbox.tokenV1))).made).toEqual([]);
  });

  it("says of a wrong token, once, how to give another", async () => {
    await expect(bootstrapNetbox(api("nbt_abcdefghijkl.0123456789012345678901234567890123456789"))).rejects.toThrow(
      /403 Invalid v2 token; NETBOX_API_TOKEN is rejected/,
    );
  });
});
