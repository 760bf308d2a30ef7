/**
 * What concerns the whole cluster: ids, resources, nodes and their bridges, and tasks.
 */
import type { FastifyInstance } from "fastify";
import { ApiError, badParameters } from "../api-error.ts";
import type { Cluster } from "../cluster.ts";
import { isTemplate } from "../machines.ts";
import { may, requirePrivilege } from "../permissions.ts";
import { route, vmId } from "./route.ts";

export function clusterRoutes(api: FastifyInstance, { state, tasks }: Cluster): void {
  route(api, "GET", "/cluster/nextid", ({ fields }) => {
    if (fields.vmid === undefined) return String(state.nextId());
    const vmid = vmId(fields.vmid);
    if (state.vms.has(vmid)) throw badParameters({ vmid: `VM ${vmid} already exists` });
    return String(vmid);
  });

  route(api, "GET", "/cluster/resources", ({ caller, fields }) => {
    const visible = [...state.vms.values()].filter(({ vmid }) => may(caller, `/vms/${vmid}`, "VM.Audit"));
    const vms = visible.map((vm) => ({
      ...{ id: `qemu/${vm.vmid}`, type: "qemu", vmid: vm.vmid, node: vm.node, status: vm.status },
      ...{ name: vm.config.name, tags: vm.config.tags, template: isTemplate(vm) ? 1 : 0 },
      ...(vm.pool === undefined ? {} : { pool: vm.pool }),
      ...(vm.lock === undefined ? {} : { lock: vm.lock }),
    }));
    const nodes = state.nodes.map((node) => ({ id: `node/${node}`, type: "node", node, status: "online" }));
    const storages = state.nodes.flatMap((node) =>
      [...state.storages.values()]
        .filter(({ id }) => may(caller, `/storage/${id}`, "Datastore.Audit", "Datastore.AllocateSpace"))
        .map(({ id, type }) => ({
          ...{ id: `storage/${node}/${id}`, type: "storage", storage: id, node, plugintype: type },
          status: "available",
        })),
    );
    const { type } = fields;
    return [...(type === undefined || type === "vm" ? vms : []), ...pick("node", nodes), ...pick("storage", storages)];

    function pick<T>(name: string, some: T[]): T[] {
      return type === undefined || type === name ? some : [];
    }
  });

  // Nodes have no addresses here.
  route(api, "GET", "/cluster/status", ({ caller }) => {
    requirePrivilege(caller, "/", "Sys.Audit");
    return state.nodes.map((name, index) => ({
      ...{ type: "node", id: `node/${name}`, name, nodeid: index + 1, online: 1, local: index === 0 ? 1 : 0 },
    }));
  });

  route(api, "GET", "/nodes", () =>
    state.nodes.map((node) => ({ node, status: "online", type: "node", id: `node/${node}` })),
  );

  route(api, "GET", "/nodes/:node/network", ({ params: { node = "" } }) => {
    state.requireNode(node);
    return state.bridges.map((iface) => ({ iface, type: "bridge", active: 1, autostart: 1, method: "manual" }));
  });

  route(api, "GET", "/nodes/:node/tasks", ({ params: { node = "" } }) => {
    state.requireNode(node);
    return tasks.list(node).map(({ log: _log, ...task }) => task);
  });

  route(api, "GET", "/nodes/:node/tasks/:upid/status", ({ params }) => {
    const { log: _log, ...task } = find(params);
    return task;
  });

  route(api, "GET", "/nodes/:node/tasks/:upid/log", ({ params, fields }) => {
    const from = Number(fields.start ?? 0);
    const lines = find(params).log.map((t, index) => ({ n: index + 1, t }));
    return lines.slice(from, from + Number(fields.limit ?? 50));
  });

  route(api, "DELETE", "/nodes/:node/tasks/:upid", ({ params }) => {
    find(params);
  });

  function find({ node = "", upid = "" }: Record<string, string>) {
    state.requireNode(node);
    const task = tasks.find(node, upid);
    if (!task) throw new ApiError(400, "Parameter verification failed.", { upid: "unable to parse worker upid" });
    return task;
  }
}
