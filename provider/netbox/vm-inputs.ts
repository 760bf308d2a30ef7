/**
 * What a VM's record is made of, as the program gives it.
 */
import { z } from "zod";
import { line, ownerName } from "../../lib/text.ts";

const mac = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
/** A name of NetBox's: it travels within JSON. */
const name = (longest: number) => line.min(1, "expected a name").max(longest);

/** @param by gives what must not come twice. */
function unique<T>(by: (one: T) => string): [(all: T[]) => boolean, string] {
  return [(all) => new Set(all.map(by)).size === all.length, "expected each name once"];
}

export const recordInputs = z.strictObject({
  /** Owner mark of the stack. */
  owner: ownerName,
  /** Logical name. */
  key: name(100),
  /** Physical name; no longer than NetBox takes. */
  name: name(64),
  /** `<placement>:<where>:<id>`. */
  externalId: line.regex(/^[a-z]+:[^:]*:.+$/, "expected <placement>:<where>:<id>"),
  cluster: z.strictObject({ name: name(100), type: name(100) }),
  role: name(100),
  startOnBoot: z.boolean(),
  vcpus: z.number().min(0.01, "expected processors"),
  memoryMb: z.int().min(1, "expected MB"),
  disks: z
    .array(z.strictObject({ name: name(64), sizeMb: z.int().min(1, "expected MB") }))
    .refine(...unique<{ name: string }>((disk) => disk.name)),
  tags: z.array(line.regex(/[a-z0-9]/i, "expected letters or digits").max(100)),
  cards: z
    .array(
      z.strictObject({
        name: name(64),
        mac: z.string().regex(mac, "expected a MAC address"),
        addressId: z.int().min(1, "expected the id of an address").optional(),
      }),
    )
    .refine(...unique<{ name: string }>((nic) => nic.name)),
});

/** Inputs of a record. */
export type RecordInputs = z.infer<typeof recordInputs>;
