/**
 * Version, tickets and pools.
 */
import type { FastifyInstance } from "fastify";
import { failed } from "../api-error.ts";
import type { Cluster } from "../cluster.ts";
import { may, requirePrivilege } from "../permissions.ts";
import { required, route } from "./route.ts";

/** The version that the simulation answers. */
export const simulatedVersion = "9.0.10";

export function accessRoutes(api: FastifyInstance, { state, permissions }: Cluster): void {
  route(api, "GET", "/version", () => ({ version: simulatedVersion, release: "9.0", repoid: "simulated" }));

  route(api, "POST", "/access/ticket", ({ fields }) =>
    permissions.login(required(fields, "username"), required(fields, "password")),
  );

  route(api, "GET", "/pools", ({ caller, fields }) => {
    const visible = [...state.pools].filter(([id]) => may(caller, `/pool/${id}`, "Pool.Audit"));
    const asked = visible.filter(([id]) => fields.poolid === undefined || id === fields.poolid);
    if (fields.poolid !== undefined && asked.length === 0) throw failed(`pool '${fields.poolid}' does not exist`);
    return asked.map(([poolid, { comment }]) => ({ poolid, comment, members: members(poolid) }));
  });

  route(api, "GET", "/pools/:poolid", ({ caller, params: { poolid = "" } }) => {
    requirePrivilege(caller, `/pool/${poolid}`, "Pool.Audit");
    const pool = state.pools.get(poolid);
    if (!pool) throw failed(`pool '${poolid}' does not exist`);
    return { comment: pool.comment, members: members(poolid) };
  });

  route(api, "POST", "/pools", ({ caller, fields }) => {
    const poolid = required(fields, "poolid");
    requirePrivilege(caller, `/pool/${poolid}`, "Pool.Allocate");
    if (state.pools.has(poolid)) throw failed(`create pool failed: pool '${poolid}' already exists`);
    state.pools.set(poolid, { comment: fields.comment ?? "" });
  });

  route(api, "DELETE", "/pools/:poolid", ({ caller, params: { poolid = "" } }) => {
    requirePrivilege(caller, `/pool/${poolid}`, "Pool.Allocate");
    if (members(poolid).length > 0) throw failed(`delete pool failed: pool '${poolid}' is not empty`);
    state.pools.delete(poolid);
  });

  function members(poolid: string) {
    const inPool = [...state.vms.values()].filter(({ pool }) => pool === poolid);
    return inPool.map(({ vmid, node }) => ({ id: `qemu/${vmid}`, type: "qemu", vmid, node }));
  }
}
