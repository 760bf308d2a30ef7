/**
 * `holdfast netbox audit`: what the stacks of platform-vm believe of NetBox against what NetBox says. It only reads.
 */

import { Failure } from "../../lib/failure.ts";
import { type IpIdentity, identityDigest } from "../../lib/netbox/identity.ts";
import type { Check } from "../../lib/preflight/check.ts";
import { platformVm } from "../../platform-vm/project.ts";
import { exitCode, printTable } from "../check-table.ts";
import { readPoolStack } from "../pool/stack.ts";
import { Pulumi, type StackPlace, stackPlace } from "../pulumi.ts";
import type { StateResource } from "../stack.ts";
import { type AuditInput, audit, type BelievedAddress, type BelievedMachine, type Finding } from "./audit-plan.ts";
import { heldIn, type NetboxPlace } from "./held.ts";

/** Types of what the plugin keeps in NetBox. */
const addressType = "holdfast:netbox:IpReservation";
const machineType = "holdfast:netbox:VirtualMachineRecord";

/** How an audit is asked for. */
export interface AuditOptions {
  /** Stacks to look at; none: all of platform-vm. */
  stack?: string[] | undefined;
  /** Days; default 30. */
  "stale-days"?: string | undefined;
  json: boolean;
}

/** What a stack believes. */
export interface Believing {
  /** `<project>/<stack>`. */
  stack: string;
  addresses: BelievedAddress[];
  machines: BelievedMachine[];
  /** Marks that its records may have. */
  owners: string[];
}

/** A stack with its NetBox; undefined where it has none. */
interface Looked extends Believing {
  netbox: NetboxPlace | undefined;
}

/**
 * Compares, prints, and gives the exit code: 0 both sides agree, 1 they differ, 2 something could not be looked at.
 * @throws Failure when NetBox does not answer, or there is none.
 */
export async function netboxAudit(options: AuditOptions): Promise<number> {
  const staleDays = daysOf(options["stale-days"] ?? "30");
  const pulumi = await Pulumi.open();
  const all = await pulumi.stacks(platformVm.name);
  const wanted = options.stack ?? all;
  const places = wanted.map((name) => stackPlace(name, [platformVm.name], platformVm.name));
  if (places.length === 0)
    throw new Failure(`${platformVm.name} has no stack to look at`, `pulumi stack ls, in ${platformVm.name}/`);
  const looked: Looked[] = [];
  // One after the other: each asks Pulumi several things at once.
  for (const place of places) looked.push(await look(pulumi, place));
  const others = new Set(all.map((name) => `${platformVm.name}/${name}`));
  const checks = await compare(looked, { others, staleDays });
  const stacks = looked.map(({ stack }) => stack);
  if (options.json) process.stdout.write(`${JSON.stringify({ stacks, staleDays, checks }, null, 2)}\n`);
  else printTable(`NetBox against ${stacks.join(", ")}`, checks);
  return exitCode(checks);
}

function daysOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new Failure("--stale-days is no number of days", "holdfast netbox audit --stale-days 30");
}

async function look(pulumi: Pulumi, place: StackPlace): Promise<Looked> {
  const { resources, pool } = await readPoolStack(pulumi, place);
  const believing = believedIn(`${place.project}/${place.stack}`, resources, pool?.plan.owner);
  const ipam = pool?.plan.ipam;
  const url = process.env.NETBOX_API_URL?.replace(/\/+$/, "").replace(/\/api$/, "") || ipam?.url;
  const token = process.env.NETBOX_API_TOKEN || pool?.config["netbox.token"];
  return { ...believing, netbox: url && token ? { url, token, jumps: ipam?.jumps ?? [] } : undefined };
}

/**
 * What a state has of NetBox.
 * @param owner mark of the stack as it is configured; its records may have an earlier one.
 */
export function believedIn(stack: string, resources: readonly StateResource[], owner: string | undefined): Believing {
  const addresses = resources.flatMap(({ type, outputs }): BelievedAddress[] => {
    const { addressId, address, identity, owner } = (outputs ?? {}) as Partial<Record<string, unknown>>;
    if (type !== addressType || typeof addressId !== "number") return [];
    const digest = identityDigest(identity as IpIdentity);
    return [{ stack, id: addressId, address: String(address), identity: digest, owner: String(owner) }];
  });
  const machines = resources.flatMap(({ type, outputs }): BelievedMachine[] => {
    const { recordId, name, externalId, owner } = (outputs ?? {}) as Partial<Record<string, unknown>>;
    if (type !== machineType || typeof recordId !== "number") return [];
    return [{ stack, id: recordId, name: String(name), externalId: String(externalId), owner: String(owner) }];
  });
  const owners = [...addresses, ...machines].map((one) => one.owner);
  return { stack, addresses, machines, owners: [...new Set([...(owner ? [owner] : []), ...owners])] };
}

/** Every NetBox of the stacks, each with the stacks that it is the authority of. */
async function compare(looked: readonly Looked[], about: Pick<AuditInput, "others" | "staleDays">): Promise<Check[]> {
  const byUrl = new Map<string, { place: NetboxPlace; stacks: Looked[] }>();
  for (const one of looked) {
    if (!one.netbox) continue;
    const known = byUrl.get(one.netbox.url) ?? { place: one.netbox, stacks: [] };
    byUrl.set(one.netbox.url, { ...known, stacks: [...known.stacks, one] });
  }
  const without = looked.filter(({ netbox }) => !netbox).map(withoutNetbox);
  if (byUrl.size === 0 && without.every(({ status }) => status === "ok")) {
    throw new Failure(
      "no stack that was looked at has a NetBox",
      "pulumi config set netbox.file <file> in platform-vm/, or NETBOX_API_URL and NETBOX_API_TOKEN in the environment",
    );
  }
  const compared = await Promise.all([...byUrl.values()].map(({ place, stacks }) => compareOne(place, stacks, about)));
  return [...compared.flat(), ...without];
}

/** A stack that has nothing in NetBox needs none. */
function withoutNetbox({ stack, addresses, machines }: Looked): Check {
  const what = `${stack}: its records are in NetBox`;
  const count = addresses.length + machines.length;
  if (count === 0) return { what, status: "ok", found: "it has none" };
  const found = `not looked at: its state has ${count}, but its configuration does not say where NetBox is; holdfast preflight ${stack.split("/")[1]} says why`;
  return { what, status: "skipped", found };
}

async function compareOne(
  place: NetboxPlace,
  stacks: readonly Believing[],
  about: Pick<AuditInput, "others" | "staleDays">,
): Promise<Check[]> {
  const addresses = stacks.flatMap((one) => one.addresses);
  const machines = stacks.flatMap((one) => one.machines);
  const held = await heldIn(place, { addresses, machines });
  const owners = new Set(stacks.flatMap((one) => one.owners));
  const findings = audit({ addresses, machines, owners, held, now: Date.now(), ...about });
  return [...findings, ...stacks.flatMap((one) => agreement(one, findings))];
}

/** What is right is said too, so that nobody takes silence for it. */
function agreement({ stack, addresses, machines }: Believing, findings: readonly Finding[]): Check[] {
  if (findings.some(({ status, what }) => status === "failed" && what.startsWith(`${stack}:`))) return [];
  const found = `addresses: ${addresses.length}, VMs: ${machines.length}`;
  return [{ what: `${stack}: NetBox has what its state has`, status: "ok", found }];
}
