/**
 * What the states of stacks believe of NetBox, compared with what NetBox says. Pure; nothing is mended here.
 *
 * Only what should not be counts as failed. Records that are kept on purpose do not: addresses on the record of a VM that is
 * gone, addresses in quarantine, records of stacks that nobody looked at.
 */
import { isIP } from "node:net";
import { parseOwnerMark } from "../../lib/owner-mark.ts";
import type { Check } from "../../lib/preflight/check.ts";

/** An address as a state has it. */
export interface BelievedAddress {
  /** `<project>/<stack>`. */
  stack: string;
  id: number;
  /** With prefix length. */
  address: string;
  /** Digest of the identity. */
  identity: string;
  owner: string;
}

/** A VM's record as a state has it. */
export interface BelievedMachine {
  stack: string;
  id: number;
  name: string;
  externalId: string;
  owner: string;
}

/** An address as NetBox has it; empty texts where a field is not set. */
export interface HeldAddress {
  id: number;
  address: string;
  status: string;
  /** Its VRF; null for the global table. The same address in another VRF is another one. */
  vrf: number | null;
  identity: string;
  identityText: string;
  owner: string;
  /** Since when somebody else may have it, ISO 8601. */
  releaseAfter: string;
  /** VM on a card of which it stands. */
  machineId: number | undefined;
}

/** A VM as NetBox has it. */
export interface HeldMachine {
  id: number;
  name: string;
  externalId: string;
  owner: string;
  retired: boolean;
  /** ISO 8601. */
  lastUpdated: string;
}

/** Both sides. */
export interface AuditInput {
  addresses: readonly BelievedAddress[];
  machines: readonly BelievedMachine[];
  /** Owner marks of the stacks that were looked at; an owner's record that no state has is an orphan. */
  owners: ReadonlySet<string>;
  /** Names of stacks that the backend has besides, `<project>/<stack>`. */
  others: ReadonlySet<string>;
  held: { addresses: readonly HeldAddress[]; machines: readonly HeldMachine[] };
  /** Milliseconds since 1970. */
  now: number;
  /** Days after which a retired record is too old. */
  staleDays: number;
}

/** What is found, for machines. */
export type FindingKind =
  | "orphan"
  | "missing"
  | "foreign"
  | "duplicate"
  | "stale"
  | "retired"
  | "released"
  | "unknown-owner"
  | "kept";

/** A check that says which kind of thing it found. */
export type Finding = Check & { kind: FindingKind };

const dayMs = 86_400_000;

/** Everything that is worth a line, the worst first. Nothing where both sides agree. */
export function audit(input: AuditInput): Finding[] {
  const findings = [
    ...input.addresses.flatMap((one) => believedAddress(one, input)),
    ...input.machines.flatMap((one) => believedMachine(one, input)),
    ...input.held.addresses.flatMap((one) => heldAddress(one, input)),
    ...input.held.machines.flatMap((one) => heldMachine(one, input)),
    ...duplicates("identity", input.held.addresses, ({ identity }) => identity, addressText),
    ...duplicates("external id", input.held.machines, ({ externalId }) => externalId, machineText),
    ...otherOwners(input),
  ];
  const order = ["failed", "skipped", "warning", "ok"];
  return findings.sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
}

function believedAddress(one: BelievedAddress, { held }: AuditInput): Finding[] {
  const what = `${one.stack}: address ${one.address}`;
  const up = upText(one.stack);
  const record = held.addresses.find(({ id }) => id === one.id);
  const vrf = record?.vrf ?? null;
  const strangers = held.addresses
    .filter((row) => row.id !== one.id && row.vrf === vrf && hostOf(row.address) === hostOf(one.address))
    .map((row) => failed("foreign", what, `has another record in NetBox: ${addressText(row)}`, deleteText(row)));
  if (!record) {
    const elsewhere = held.addresses.find(({ identity }) => identity === one.identity);
    const instead = elsewhere ? `; its identity has ${addressText(elsewhere)}` : "";
    return [failed("missing", what, `is not in NetBox (id ${one.id})${instead}`, up), ...strangers];
  }
  if (record.identity !== one.identity || record.owner !== one.owner) {
    return [failed("foreign", what, `is not ours in NetBox: ${addressText(record)}`, deleteText(record)), ...strangers];
  }
  if (record.address !== one.address) {
    return [failed("foreign", what, `is another one in NetBox: ${addressText(record)}`, up), ...strangers];
  }
  return strangers;
}

function believedMachine(one: BelievedMachine, { held }: AuditInput): Finding[] {
  const what = `${one.stack}: record of ${one.name}`;
  const up = upText(one.stack);
  const record = held.machines.find(({ id }) => id === one.id);
  if (!record) return [failed("missing", what, `is not in NetBox (id ${one.id})`, up)];
  if (record.owner !== one.owner) {
    const fix = `set its custom field holdfast_owner to ${one.owner} in NetBox, where it is this VM's; else delete it there`;
    return [failed("foreign", what, `is not ours in NetBox: ${machineText(record)}`, fix)];
  }
  if (record.retired) return [failed("retired", what, "is retired in NetBox, and its VM stands", up)];
  if (record.externalId === one.externalId) return [];
  return [failed("foreign", what, `is of ${record.externalId || "no VM"} in NetBox, not of ${one.externalId}`, up)];
}

/** An address of ours that no state has. */
function heldAddress(row: HeldAddress, { addresses, owners, held, now }: AuditInput): Finding[] {
  if (!owners.has(row.owner) || addresses.some(({ id }) => id === row.id)) return [];
  const what = `address ${row.address} of ${row.owner}`;
  if (row.releaseAfter !== "" || row.status === "deprecated") {
    const over = row.releaseAfter !== "" && Date.parse(row.releaseAfter) <= now;
    if (!over) return [{ kind: "released", what, status: "ok", found: `in quarantine until ${row.releaseAfter}` }];
    const found = `its quarantine is over since ${row.releaseAfter}: the next reservation there clears it away`;
    return [{ kind: "released", what, status: "warning", found }];
  }
  const machine = held.machines.find(({ id }) => id === row.machineId);
  if (machine?.retired && owners.has(machine.owner)) {
    return [{ kind: "kept", what, status: "ok", found: `kept for ${machine.name}, whose VM is gone` }];
  }
  const found = `is in no state: ${addressText(row)}`;
  return [failed("orphan", what, found, `bring its VM back, or ${deleteText(row)}`)];
}

/** A record of ours that no state has. */
function heldMachine(row: HeldMachine, { machines, owners, now, staleDays }: AuditInput): Finding[] {
  if (!owners.has(row.owner) || machines.some(({ id }) => id === row.id)) return [];
  const what = `record of ${row.name} of ${row.owner}`;
  const remove = `delete record ${row.id} in NetBox, its addresses first where they shall stay reserved`;
  if (!row.retired) return [failed("orphan", what, `is in no state: ${machineText(row)}`, remove)];
  const days = Math.floor((now - Date.parse(row.lastUpdated)) / dayMs);
  if (now - Date.parse(row.lastUpdated) > staleDays * dayMs) {
    return [failed("stale", what, `is retired, and was last changed ${days} days ago (bound: ${staleDays})`, remove)];
  }
  return [{ kind: "kept", what, status: "ok", found: `retired, last changed ${days} days ago` }];
}

function duplicates<T>(
  of: string,
  rows: readonly T[],
  keyOf: (row: T) => string,
  textOf: (row: T) => string,
): Finding[] {
  const byKey = new Map<string, T[]>();
  for (const row of rows.filter((one) => keyOf(one) !== ""))
    byKey.set(keyOf(row), [...(byKey.get(keyOf(row)) ?? []), row]);
  return [...byKey].flatMap(([key, same]) => {
    if (same.length === 1) return [];
    const fix =
      "delete all but one of them in NetBox, and make its custom fields unique again: holdfast netbox bootstrap";
    return [failed("duplicate", `${of} ${key}`, `is in ${same.length} records: ${same.map(textOf).join("; ")}`, fix)];
  });
}

/** Owners that were not looked at: said, since their records were not compared. */
function otherOwners({ owners, others, held }: AuditInput): Finding[] {
  const counts = new Map<string, number>();
  for (const { owner } of [...held.addresses, ...held.machines]) {
    if (owner !== "" && !owners.has(owner)) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return [...counts].map(([owner, count]): Finding => {
    const mark = parseOwnerMark(owner);
    const here = mark && others.has(`${mark.project}/${mark.stack}`);
    const found = `${count} not compared: ${here ? "the stack was not looked at" : "this backend has no such stack"}`;
    return { kind: "unknown-owner", what: `records of ${owner}`, status: "warning", found };
  });
}

function failed(kind: FindingKind, what: string, found: string, fix: string): Finding {
  return { kind, what, status: "failed", found, fix };
}

/** The address without its prefix length, in one spelling. */
export function hostOf(address: string): string {
  const host = address.split("/")[0] ?? "";
  return isIP(host) === 6 ? new URL(`http://[${host}]`).hostname : host;
}

function addressText({ id, address, identityText, owner, status }: HeldAddress): string {
  return `${address} (id ${id}, ${status}, ${identityText || "no identity"}, ${ownerText(owner)})`;
}

function machineText({ id, name, owner, externalId }: HeldMachine): string {
  return `${name} (id ${id}, ${externalId || "no external id"}, ${ownerText(owner)})`;
}

function ownerText(owner: string): string {
  return owner === "" ? "no owner mark" : `owner ${owner}`;
}

function deleteText({ id }: { id: number }): string {
  return `delete address ${id} in NetBox, once nobody uses it`;
}

function upText(stack: string): string {
  const [project, name] = stack.split("/");
  return `pulumi up --refresh --stack ${name}, in ${project}/`;
}
