/**
 * Virtual machines: list, create, clone, configure, resize, template, destroy.
 */
import type { FastifyInstance } from "fastify";
import { badParameters, failed } from "../api-error.ts";
import type { Cluster } from "../cluster.ts";
import { isDriveKey, readDrive } from "../drives.ts";
import * as machines from "../machines.ts";
import { type Caller, may, requirePrivilege } from "../permissions.ts";
import {
  applyChange,
  type ConfigChange,
  digestOf,
  type Fields,
  readChange,
  requireConfigPrivileges,
} from "../vm-config.ts";
import { type Call, required, route, vmId } from "./route.ts";

const createFields = ["vmid", "node", "pool", "start", "storage", "force", "unique", "archive"];

export function qemuRoutes(api: FastifyInstance, cluster: Cluster): void {
  const { state } = cluster;

  route(api, "GET", "/nodes/:node/qemu", ({ caller, params: { node = "" } }) => {
    state.requireNode(node);
    const visible = [...state.vms.values()].filter(
      (vm) => vm.node === node && may(caller, `/vms/${vm.vmid}`, "VM.Audit"),
    );
    return visible.map(({ vmid, status, config: { name, tags, template } }) => ({
      vmid,
      status,
      name,
      tags,
      template,
    }));
  });

  route(api, "POST", "/nodes/:node/qemu", ({ caller, params: { node = "" }, fields }) => {
    state.requireNode(node);
    const vmid = vmId(required(fields, "vmid"));
    requirePrivilege(caller, `/vms/${vmid}`, "VM.Allocate");
    const change = readChange(fields, createFields);
    requireConfigPrivileges(caller, vmid, change, {});
    requireSpaceAndBridges(caller, change);
    requirePool(fields.pool);
    return machines.create(cluster, caller.name, node, vmid, change, {
      pool: fields.pool,
      start: fields.start === "1",
    });
  });

  route(api, "POST", "/nodes/:node/qemu/:vmid/clone", (call) => {
    const source = vmOf(call, "VM.Clone");
    const { caller, fields } = call;
    const newid = vmId(required(fields, "newid"), "newid");
    requirePrivilege(caller, `/vms/${newid}`, "VM.Allocate");
    const storages = fields.storage
      ? [fields.storage]
      : machines.disksOf(source).map(([, { volid }]) => volid.split(":")[0]);
    for (const id of new Set(storages)) requirePrivilege(caller, `/storage/${id}`, "Datastore.AllocateSpace");
    requirePool(fields.pool);
    const { name, description, storage, pool, target } = fields;
    const full = fields.full === undefined ? undefined : fields.full === "1";
    return machines.clone(cluster, caller.name, source, { newid, name, description, full, storage, pool, target });
  });

  route(api, "GET", "/nodes/:node/qemu/:vmid/config", (call) => {
    const { config, lock } = vmOf(call, "VM.Audit");
    return { ...config, ...(lock === undefined ? {} : { lock }), digest: digestOf(config) };
  });

  for (const method of ["PUT", "POST"] as const) {
    route(api, method, "/nodes/:node/qemu/:vmid/config", (call) => {
      const vm = vmOf(call);
      const { caller, fields } = call;
      const change = readChange(fields);
      requireConfigPrivileges(caller, vm.vmid, change, vm.config);
      requireSpaceAndBridges(caller, change);
      machines.requireUnlocked(vm);
      if (fields.digest !== undefined && fields.digest !== digestOf(vm.config)) {
        throw failed("detected modified configuration - file changed by other user? Try again.");
      }
      if (method === "PUT") return applyChange(cluster, vm, change);
      const work = () => applyChange(cluster, vm, change);
      return cluster.tasks.start({ node: vm.node, type: "qmconfig", id: vm.vmid, user: caller.name, work });
    });
  }

  route(api, "PUT", "/nodes/:node/qemu/:vmid/cloudinit", (call) => {
    machines.requireUnlocked(vmOf(call, "VM.Config.Cloudinit"));
  });

  route(api, "PUT", "/nodes/:node/qemu/:vmid/resize", (call) => {
    const vm = vmOf(call, "VM.Config.Disk");
    const size = required(call.fields, "size");
    if (!/^\+?\d+(\.\d+)?[KMGT]?$/.test(size)) throw badParameters({ size: "value does not match the regex pattern" });
    return machines.resize(cluster, call.caller.name, vm, required(call.fields, "disk"), size);
  });

  route(api, "POST", "/nodes/:node/qemu/:vmid/move_disk", (call) => {
    const vm = vmOf(call, "VM.Config.Disk");
    const { caller, fields } = call;
    const storage = required(fields, "storage");
    requirePrivilege(caller, `/storage/${storage}`, "Datastore.AllocateSpace");
    const move = { disk: required(fields, "disk"), storage, remove: fields.delete === "1" };
    return machines.moveDisk(cluster, caller.name, vm, move);
  });

  route(api, "POST", "/nodes/:node/qemu/:vmid/template", (call) =>
    machines.convertToTemplate(cluster, call.caller.name, vmOf(call, "VM.Allocate")),
  );

  route(api, "POST", "/nodes/:node/qemu/:vmid/migrate", (call) => {
    const vm = vmOf(call, "VM.Migrate");
    const target = required(call.fields, "target");
    state.requireNode(target);
    machines.requireUnlocked(vm);
    const move = () => {
      vm.node = target;
    };
    return cluster.tasks.start({ node: vm.node, type: "qmigrate", id: vm.vmid, user: call.caller.name, work: move });
  });

  route(api, "DELETE", "/nodes/:node/qemu/:vmid", (call) =>
    machines.destroy(cluster, call.caller.name, vmOf(call, "VM.Allocate")),
  );

  /** The VM of a path. The privilege is looked at first, as Proxmox VE does. */
  function vmOf({ caller, params: { node = "", vmid = "" } }: Call, ...anyOf: string[]) {
    state.requireNode(node);
    if (anyOf.length > 0) requirePrivilege(caller, `/vms/${vmid}`, ...anyOf);
    return state.requireVm(node, vmId(vmid));
  }

  function requirePool(pool: string | undefined): void {
    if (pool !== undefined && !state.pools.has(pool)) throw failed(`no such pool '${pool}'`);
  }
}

function requireSpaceAndBridges(caller: Caller, { set }: ConfigChange): void {
  for (const [key, value] of Object.entries(set as Fields)) {
    const bridge = /^net\d/.test(key) ? /(?:^|,)bridge=([^,]+)/.exec(value)?.[1] : undefined;
    if (bridge !== undefined) requirePrivilege(caller, `/sdn/zones/localnetwork/${bridge}`, "SDN.Use");
    const newVolume = isDriveKey(key) ? /^([^:]+):(cloudinit|\d+)$/.exec(readDrive(value).volid) : null;
    if (newVolume) requirePrivilege(caller, `/storage/${newVolume[1]}`, "Datastore.AllocateSpace");
  }
}
