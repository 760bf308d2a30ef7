/**
 * A VM's record in NetBox.
 */
import { z } from "zod";
import { line, ownerName } from "../../lib/text.ts";
import { exampleOwner } from "../examples.ts";
import { declareKind, type InputsOf, type StateOf } from "../kind.ts";

const mac = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
/** A name of NetBox's: it travels within JSON. */
const name = (longest: number) => line.min(1, "expected a name").max(longest);

/** @param by gives what must not come twice. */
function unique<T>(by: (one: T) => string): [(all: T[]) => boolean, string] {
  return [(all) => new Set(all.map(by)).size === all.length, "expected each name once"];
}

const disk = z.strictObject({
  name: name(64).describe("For example scsi0."),
  sizeMb: z.int().min(1, "expected MB").describe("Size in MB."),
});

const card = z.strictObject({
  name: name(64).describe("For example net0."),
  mac: z.string().regex(mac, "expected a MAC address").describe("Its MAC address."),
  addressId: z
    .int()
    .min(1, "expected the id of an address")
    .optional()
    .describe("Id in NetBox of the address that this card has."),
});

export const virtualMachineRecordKind = declareKind({
  type: "holdfast:netbox:VirtualMachineRecord",
  description: "A VM's record in NetBox; destroying it retires the record.",
  inputs: z.strictObject({
    owner: ownerName.describe("Owner mark of the stack."),
    key: name(100).describe("Logical name."),
    name: name(64).describe("Physical name; no longer than NetBox takes."),
    externalId: line
      .regex(/^[a-z]+:[^:]*:.+$/, "expected <placement>:<where>:<id>")
      .describe("<placement>:<where>:<id>, for example proxmox:home:104."),
    cluster: z
      .strictObject({
        name: name(100).describe("Its name."),
        type: name(100).describe("Name of its type."),
      })
      .describe("Cluster of the record, made where there is none."),
    role: name(100).describe("What the VM is for."),
    startOnBoot: z.boolean().describe("Whether the VM starts with its host."),
    vcpus: z.number().min(0.01, "expected processors").describe("Processors, as the VM really has them."),
    memoryMb: z.int().min(1, "expected MB").describe("Memory in MB, as the VM really has it."),
    disks: z
      .array(disk)
      .refine(...unique<{ name: string }>((disk) => disk.name))
      .describe("Disks, as the VM really has them."),
    tags: z
      .array(line.regex(/[a-z0-9]/i, "expected letters or digits").max(100))
      .describe("Come in addition to those that the record has."),
    cards: z
      .array(card)
      .refine(...unique<{ name: string }>((card) => card.name))
      .describe("Network cards; the first one with an address has the primary one."),
  }),
  computed: { recordId: z.int().min(1).describe("Its id in NetBox.") },
  example: {
    owner: exampleOwner,
    key: "app-01",
    name: "dev-app-01",
    externalId: "proxmox:pve:100",
    role: "app",
    recordId: 1,
    cluster: { name: "home", type: "Proxmox VE" },
    startOnBoot: true,
    vcpus: 1,
    memoryMb: 1,
    tags: ["a"],
    disks: [{ name: "scsi0", sizeMb: 1 }],
    cards: [{ name: "net0", mac: "52:54:00:12:34:56", addressId: 1 }],
  },
});

/** Inputs of a record. */
export type RecordInputs = InputsOf<typeof virtualMachineRecordKind>;
/** State of a record. */
export type RecordState = StateOf<typeof virtualMachineRecordKind>;
