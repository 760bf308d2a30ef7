/**
 * What NetBox has of ours: every address and VM with our tag, and whatever else stands on our addresses or under our ids.
 * Nothing but GET is sent.
 */

import { z } from "zod";
import { Failure } from "../../lib/failure.ts";
import { netboxApi } from "../../lib/netbox/access.ts";
import type { NetboxApi, Query } from "../../lib/netbox/api.ts";
import { NetboxError } from "../../lib/netbox/errors.ts";
import {
  externalIdField,
  identityField,
  identityTextField,
  managedTag,
  ownerField,
  releaseAfterField,
  staleTag,
} from "../../lib/netbox/names.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { type AuditInput, type HeldAddress, type HeldMachine, hostOf } from "./audit-plan.ts";

/** How a NetBox is reached. */
export interface NetboxPlace {
  url: string;
  /** Secret. */
  token: string;
  jumps: readonly SshTarget[];
}

/** Bound on everything, in milliseconds. */
const boundMs = 300_000;
/** Addresses or ids in one question: a URL has its limits. */
const atOnce = 50;

const tags = z.array(z.object({ slug: z.string() }));
const fields = z.record(z.string(), z.unknown());

const addressRow = z.object({
  id: z.number(),
  address: z.string(),
  status: z.object({ value: z.string() }),
  vrf: z.object({ id: z.number() }).nullable(),
  assigned_object: z.object({ virtual_machine: z.object({ id: z.number() }).optional() }).nullable(),
  tags,
  custom_fields: fields,
});

const machineRow = z.object({
  id: z.number(),
  name: z.string(),
  last_updated: z.string(),
  tags,
  custom_fields: fields,
});

type Tagged = { tags: { slug: string }[] };

/** Reads it. @throws Failure when NetBox does not answer, or was never made ready. */
export async function heldIn(
  { url, token, jumps }: NetboxPlace,
  believed: Pick<AuditInput, "addresses" | "machines">,
): Promise<AuditInput["held"]> {
  const signal = AbortSignal.timeout(boundMs);
  const log = (_: unknown, text: string) => void process.stderr.write(`· ${text}\n`);
  try {
    const config = { netboxUrl: url, netboxToken: token, netboxJumps: [...jumps] };
    const api = await netboxApi({ config, signal, log });
    return await read(api, believed);
  } catch (error) {
    if (error instanceof NetboxError && error.status === 400 && /valid choice/.test(error.serverMessage)) {
      throw new Failure(
        `NetBox at ${url} has no tag ${managedTag.slug}: it was never made ready`,
        `holdfast netbox bootstrap --url ${url}`,
      );
    }
    throw new Failure(`nothing was compared: ${(error as Error).message}`, undefined, { cause: error });
  }
}

async function read(api: NetboxApi, believed: Pick<AuditInput, "addresses" | "machines">): Promise<AuditInput["held"]> {
  const ours = ({ tags }: Tagged) => tags.some(({ slug }) => slug === managedTag.slug);
  const tagged: Query = { tag: managedTag.slug };
  const hosts = new Set(believed.addresses.map(({ address }) => hostOf(address)));
  const ids = new Set(believed.machines.map(({ id }) => id));
  const addressIds = new Set(believed.addresses.map(({ id }) => id));
  const [path, vms] = ["/ipam/ip-addresses/", "/virtualization/virtual-machines/"];
  const rows = await Promise.all([
    api.list(path, addressRow, tagged, ours),
    ...batches(hosts).map((address) =>
      api.list(path, addressRow, { address }, (row) => hosts.has(hostOf(row.address))),
    ),
    ...batches(addressIds).map((id) => api.list(path, addressRow, { id }, (row) => addressIds.has(row.id))),
  ]);
  const machines = await Promise.all([
    api.list(vms, machineRow, tagged, ours),
    ...batches(ids).map((id) => api.list(vms, machineRow, { id }, (row) => ids.has(row.id))),
  ]);
  return { addresses: once(rows.flat()).map(heldAddress), machines: once(machines.flat()).map(heldMachine) };
}

function batches<T>(all: ReadonlySet<T>): T[][] {
  const list = [...all];
  return Array.from({ length: Math.ceil(list.length / atOnce) }, (_, index) =>
    list.slice(index * atOnce, (index + 1) * atOnce),
  );
}

function once<T extends { id: number }>(rows: readonly T[]): T[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}

function heldAddress(row: z.infer<typeof addressRow>): HeldAddress {
  const field = fieldsOf(row);
  return {
    ...{ id: row.id, address: row.address, status: row.status.value, vrf: row.vrf?.id ?? null },
    ...{ identity: field(identityField), identityText: field(identityTextField), owner: field(ownerField) },
    ...{ releaseAfter: field(releaseAfterField), machineId: row.assigned_object?.virtual_machine?.id },
  };
}

function heldMachine(row: z.infer<typeof machineRow>): HeldMachine {
  const field = fieldsOf(row);
  const retired = row.tags.some(({ slug }) => slug === staleTag.slug);
  const { id, name, last_updated: lastUpdated } = row;
  return { id, name, lastUpdated, retired, externalId: field(externalIdField), owner: field(ownerField) };
}

function fieldsOf({ custom_fields }: { custom_fields: Record<string, unknown> }): (name: string) => string {
  return (name) => (typeof custom_fields[name] === "string" ? custom_fields[name] : "");
}
