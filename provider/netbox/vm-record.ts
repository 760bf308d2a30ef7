/**
 * `holdfast:netbox:VirtualMachineRecord`: a VM as NetBox has it, kept as the VM really is. Destroying it retires the record:
 * offline, with the stale tag, its addresses on it, so that the VM has them again when it comes back. Only records with our
 * owner mark are ever changed.
 */
import { netboxApi } from "../../lib/netbox/access.ts";
import { externalIdField, managedTag, ownerField, staleTag } from "../../lib/netbox/names.ts";
import {
  type RecordInputs,
  type RecordState,
  virtualMachineRecordKind,
} from "../../resources/netbox/virtual-machine-record.ts";
import { implement, type Operation } from "../kind.ts";
import { Changes } from "./change.ts";
import { ensureCluster, ensureRole, slugOf, tagSlugs } from "./places.ts";
import { keepAddresses } from "./vm-addresses.ts";
import { driftOf, look, noParts, partsOf } from "./vm-drift.ts";
import { findRecord, refuseForeign } from "./vm-find.ts";
import { keepDisks, keepNics, removeOtherNics } from "./vm-parts.ts";
import { retire } from "./vm-retire.ts";
import {
  externalIdOf,
  hasTag,
  isRetired,
  type MachineRow,
  machineRow,
  machinesPath,
  ownerOf,
  startOf,
} from "./vm-rows.ts";
import { reported, type SyncResult } from "./vm-sync-rows.ts";

export const virtualMachineRecord = implement(virtualMachineRecordKind, {
  async create(inputs, operation) {
    const { recordId } = await reported("create", inputs, operation, () => keep(inputs, undefined, operation));
    return { id: inputs.key, state: { ...inputs, recordId } };
  },

  async read(id, state, operation) {
    if (!state)
      throw new Error("a VM's record cannot be imported; `pulumi up` finds the one with this stack's owner mark");
    const seen = await look(await netboxApi(operation), state.recordId);
    const drift = seen ? driftOf(state, seen) : [`record ${state.recordId} of ${state.name} is gone from NetBox`];
    return { id, state: { ...state, drift }, inputs: inputsOf(state) };
  },

  async update(_id, state, inputs, operation) {
    const { recordId } = await reported("update", inputs, operation, () => keep(inputs, state, operation));
    return { ...inputs, recordId };
  },

  async delete(_id, state, operation) {
    await reported("delete", state, operation, async () =>
      retire(new Changes(await netboxApi(operation)), state, (text) => operation.log("warning", text)),
    );
  },
});

/** Makes the record, or makes it right. `state` is what was recorded of it before. */
async function keep(
  inputs: RecordInputs,
  state: RecordState | undefined,
  operation: Operation,
): Promise<SyncResult & { recordId: number }> {
  const api = await netboxApi(operation);
  const changes = new Changes(api);
  const owners = [...new Set([inputs.owner, ...(state ? [state.owner] : [])])];
  const find = () => findRecord(api, { ...inputs, owners, recordId: state?.recordId });
  // First: where the record is refused, nothing is made around it.
  const { record: found, cluster: known } = await find();
  const [cluster, role, slugs] = await Promise.all([
    known ?? ensureCluster(api, inputs.cluster),
    ensureRole(api, inputs.role),
    tagSlugs(api, inputs.tags, [managedTag]),
  ]);
  const wanted = { cluster: cluster.id, role: role.id, slugs, dropped: droppedTags(inputs, state) };
  const again = async () => (await find()).record;
  const made = found ?? (await changes.posted(machinesPath, machineRow, again, newRecord(inputs, wanted)));
  const machine = await madeRight(changes, made, (row) => {
    refuseForeign(api, row, owners);
    return difference(row, inputs, wanted);
  });
  const { id } = machine;
  const parts = changes.isFresh(made) ? noParts : await partsOf(api, id);
  const cardIds = await keepNics(changes, id, inputs.cards, parts.interfaces);
  const placed = inputs.cards.flatMap(({ name, addressId }) => {
    const cardId = cardIds[name];
    return addressId === undefined || cardId === undefined ? [] : [{ addressId, cardId }];
  });
  const { kept, others } = await keepAddresses(changes, { machine, addresses: parts.addresses }, placed, owners);
  const left = { id, interfaces: parts.interfaces, addresses: others };
  await removeOtherNics(changes, inputs.cards, left, (text) => operation.log("warning", text));
  await keepDisks(changes, id, inputs.disks, parts.disks);
  const result = found ? (changes.count > 0 ? "updated" : "unchanged") : "created";
  return { result, recordId: id, addresses: kept };
}

/** Changes the record unless the row that was just read is right already. */
async function madeRight(
  changes: Changes,
  row: MachineRow,
  wanted: (row: MachineRow) => object | undefined,
): Promise<MachineRow> {
  if (!wanted(row)) return row;
  const kept = await changes.changed(`${machinesPath}${row.id}/`, machineRow, wanted, row);
  if (kept) return kept;
  throw new Error(`record ${row.id} of ${row.name} in NetBox at ${changes.api.url} was deleted just now; run again`);
}

/** What a record refers to, by id and slug. */
interface Around {
  cluster: number;
  role: number;
  slugs: readonly string[];
  /** Tags that this stack put there, and no longer wants. */
  dropped: readonly string[];
}

function droppedTags(inputs: RecordInputs, state: RecordState | undefined): string[] {
  const wanted = new Set(inputs.tags.map(slugOf));
  return (state?.tags ?? []).map(slugOf).filter((slug) => !wanted.has(slug) && slug !== managedTag.slug);
}

function newRecord(inputs: RecordInputs, { cluster, role, slugs }: Around): object {
  const { name, vcpus, memoryMb, owner, externalId } = inputs;
  return {
    start_on_boot: startOf(inputs),
    ...{ name, status: "active", cluster, role, vcpus, memory: memoryMb },
    custom_fields: { [ownerField]: owner, [externalIdField]: externalId },
    tags: slugs.map((slug) => ({ slug })),
  };
}

/** What has to be changed of a record; undefined for nothing. Tags come in addition, and only those of a dead VM go. */
export function difference(row: MachineRow, inputs: RecordInputs, around: Around): object | undefined {
  const { name, vcpus, memoryMb, owner, externalId } = inputs;
  const fields = { [ownerField]: owner, [externalIdField]: externalId };
  const sameFields = ownerOf(row) === owner && externalIdOf(row) === externalId;
  const add = around.slugs.filter((slug) => !hasTag(row, slug));
  const gone = [...(isRetired(row) ? [staleTag.slug] : []), ...around.dropped.filter((slug) => hasTag(row, slug))];
  const slugged = (slugs: readonly string[]) => slugs.map((slug) => ({ slug }));
  const body = {
    ...(row.name === name ? {} : { name }),
    ...(row.status.value === "active" ? {} : { status: "active" }),
    ...(row.cluster?.id === around.cluster ? {} : { cluster: around.cluster }),
    ...(row.role?.id === around.role ? {} : { role: around.role }),
    ...(row.start_on_boot?.value === startOf(inputs) ? {} : { start_on_boot: startOf(inputs) }),
    ...(row.vcpus === vcpus ? {} : { vcpus }),
    ...(row.memory === memoryMb ? {} : { memory: memoryMb }),
    ...(sameFields ? {} : { custom_fields: fields }),
    ...(add.length > 0 ? { add_tags: slugged(add) } : {}),
    ...(gone.length > 0 ? { remove_tags: slugged(gone) } : {}),
  };
  return Object.keys(body).length > 0 ? body : undefined;
}

function inputsOf(state: RecordState): RecordInputs {
  const { recordId: _computed, drift: _found, ...inputs } = state;
  const { inputs: schema } = virtualMachineRecordKind;
  return schema.parse(Object.fromEntries(Object.entries(inputs).filter(([name]) => name in schema.shape)));
}
