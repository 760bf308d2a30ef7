/**
 * Which record is a VM's: by what the state knows, by its id on the hypervisor, by name and cluster. A record without our
 * owner mark is somebody else's, whatever it is called, and nothing is changed then.
 */
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { externalIdField, ownerField } from "../../lib/netbox/names.ts";
import { type Cluster, findCluster } from "./places.ts";
import { externalIdOf, isRetired, type MachineRow, machineRow, machinesPath, ownerOf } from "./vm-rows.ts";

/** The VM whose record is looked for. */
export interface Wanted {
  /** Its name in NetBox. */
  name: string;
  externalId: string;
  cluster: { name: string };
  /** Marks by which a record is ours: the stack's own, and the one that it had when it made the record. */
  owners: readonly string[];
  /** Id that the record had last. */
  recordId?: number | undefined;
}

/**
 * The record, and the cluster of that name; undefined where there is none.
 * @throws Error where there are several, or where it is not ours.
 */
export async function findRecord(api: NetboxApi, wanted: Wanted): Promise<{ record?: MachineRow; cluster?: Cluster }> {
  const { rows: candidates, cluster } = await look(api, wanted);
  const rows = [...new Map(candidates.map((row) => [row.id, row])).values()];
  const [record] = rows;
  if (rows.length > 1) throw new Error(several(api, wanted, rows));
  if (record) refuseForeign(api, record, wanted.owners);
  return { ...(record ? { record } : {}), ...(cluster ? { cluster } : {}) };
}

async function look(api: NetboxApi, wanted: Wanted): Promise<{ rows: MachineRow[]; cluster: Cluster | undefined }> {
  const { name, externalId, recordId } = wanted;
  const filter = { [`cf_${externalIdField}`]: externalId };
  const [known, byId, cluster] = await Promise.all([
    recordId === undefined ? undefined : api.find(`${machinesPath}${recordId}/`, machineRow),
    api.list(machinesPath, machineRow, filter, (row) => externalIdOf(row) === externalId),
    findCluster(api, wanted.cluster.name),
  ]);
  const named = cluster ? await namedIn(api, cluster, name) : [];
  return { rows: [...(known ? [known] : []), ...byId, ...named], cluster };
}

/** NetBox allows no two VMs of a name in a cluster, whatever their case. */
function namedIn(api: NetboxApi, cluster: Cluster, name: string): Promise<MachineRow[]> {
  const is = (row: MachineRow) => row.name.toLowerCase() === name.toLowerCase() && row.cluster?.id === cluster.id;
  return api.list(machinesPath, machineRow, { name, cluster_id: cluster.id }, is);
}

/** @throws Error for a record that is not ours. It says whose it is and what to do. */
export function refuseForeign(api: NetboxApi, row: MachineRow, owners: readonly string[]): void {
  if (owners.includes(ownerOf(row))) return;
  const [owner] = owners;
  throw new Error(
    `the record of this VM in NetBox at ${api.url} is not ours, nothing of it is changed: ${described(row)}; ` +
      `where it is a leftover, delete it there; where it is this VM's, set its custom field ${ownerField} to ${owner}; else give the VM another name`,
  );
}

function several(api: NetboxApi, { name, externalId, cluster }: Wanted, rows: readonly MachineRow[]): string {
  return (
    `NetBox at ${api.url} has ${rows.length} records for the VM ${name} (${externalId}, cluster ${cluster.name}), nothing of them is changed: ` +
    `${rows.map(described).join(" and ")}; delete the ones that are wrong there, or clear their custom field ${externalIdField}`
  );
}

/** A record for messages: id, name, where, whose. */
export function described(row: MachineRow): string {
  const owner = ownerOf(row);
  const about = [
    row.cluster ? `cluster ${row.cluster.name}` : "no cluster",
    owner === "" ? "no owner mark" : `owner ${owner}`,
    ...(externalIdOf(row) === "" ? [] : [externalIdOf(row)]),
    ...(isRetired(row) ? ["retired"] : []),
  ];
  return `id ${row.id} \`${row.name}\` (${about.join(", ")})`;
}
