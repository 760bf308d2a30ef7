/**
 * What became of each VM's record in a run: `hook_netbox_sync.json` in its evidence, a row for every one, those that failed
 * among them.
 */
import type { RecordInputs } from "../../resources/netbox/virtual-machine-record.ts";
import type { Operation } from "../kind.ts";

/** Name of the file. */
export const syncFile = "hook_netbox_sync.json";

/** What became of a record. `unchanged` is also one that had to be left alone, since it is not ours any more. */
export interface SyncResult {
  result: "created" | "updated" | "unchanged" | "retired" | "deleted" | "not_found";
  recordId: number;
  /** On its cards when it was done, with prefix length. */
  addresses: string[];
}

/** Does the work and leaves its row. Gives or throws what the work does. */
export async function reported<T extends SyncResult>(
  operation: "create" | "update" | "delete",
  inputs: RecordInputs & { recordId?: number },
  { appendEvidence }: Pick<Operation, "appendEvidence">,
  work: () => Promise<T>,
): Promise<T> {
  const { key, name, externalId, cluster } = inputs;
  const about = { key, name, externalId, cluster: cluster.name, operation };
  try {
    const done = await work();
    appendEvidence(syncFile, { ...about, result: done.result, recordId: done.recordId, addresses: done.addresses });
    return done;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    appendEvidence(syncFile, {
      ...about,
      result: "error",
      recordId: inputs.recordId ?? null,
      addresses: [],
      error: text,
    });
    throw error;
  }
}
