import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leases } from "../../../../lab/proxmox/addresses.ts";
import { formatDrive, isDriveKey, parseDrive, readDrive } from "../../../../lab/proxmox/drives.ts";
import { formatNet, newMac, parseNet } from "../../../../lab/proxmox/nets.ts";
import { formatSize, parseSize } from "../../../../lab/proxmox/property-string.ts";
import { readChange, sortTags } from "../../../../lab/proxmox/vm-config.ts";

describe("sizes", () => {
  test("are written with the largest unit that divides them", () => {
    const written = [0, 1023, 1024, 4 * 1024 ** 2, 20 * 1024 ** 3, 1024 ** 4, 1.5 * 1024 ** 3].map(formatSize);
    expect(written).toEqual(["0", "1023", "1K", "4M", "20G", "1T", "1536M"]);
  });

  test("survive being written and read", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(1, 1024, 1024 ** 3),
        (n, unit) => parseSize(formatSize(n * unit)) === n * unit,
      ),
    );
  });

  test("are refused when they are none", () => expect(parseSize("20 GiB")).toBeUndefined());
});

describe("drives", () => {
  test("of a request: new, imported, cloud-init with a trailing comma, a volume that is there, a CD drive", () => {
    expect(parseDrive("local-lvm:32,ssd=1")).toMatchObject({ source: { kind: "new", storage: "local-lvm", gib: 32 } });
    expect(parseDrive("file=local-lvm:0,import-from=local:import/x.qcow2,size=4294967296,discard=on")).toEqual({
      source: { kind: "new", storage: "local-lvm", gib: 0, importFrom: "local:import/x.qcow2" },
      size: 4294967296,
      options: new Map([["discard", "on"]]),
    });
    expect(parseDrive("file=local-lvm:cloudinit,")).toMatchObject({
      source: { kind: "cloudinit", storage: "local-lvm" },
    });
    const there = { kind: "volume", volid: "local-lvm:vm-100-disk-0" };
    expect(parseDrive("local-lvm:vm-100-disk-0,size=20G")).toMatchObject({ source: there, size: 20 * 1024 ** 3 });
    expect(parseDrive("file=cdrom,media=cdrom")).toMatchObject({ source: { kind: "cd", file: "cdrom" } });
  });

  test.each(["ssd=1", "vm-100-disk-0", "local-lvm:4,size=large"])("%s is refused", (text) => {
    expect(parseDrive(text)).toHaveProperty("error");
  });

  test("are written sorted, with their size, and read again", () => {
    const text = formatDrive(
      "local-lvm:vm-100-disk-0",
      new Map([
        ["ssd", "1"],
        ["discard", "on"],
      ]),
      20 * 1024 ** 3,
    );
    expect(text).toBe("local-lvm:vm-100-disk-0,discard=on,size=20G,ssd=1");
    expect(readDrive(text)).toMatchObject({ volid: "local-lvm:vm-100-disk-0", size: 20 * 1024 ** 3 });
  });

  test("have the keys that Proxmox VE has", () => {
    expect(["scsi0", "scsi30", "virtio15", "ide3", "sata5", "efidisk0"].filter((key) => !isDriveKey(key))).toEqual([]);
    expect(["scsi31", "virtio16", "ide4", "scsihw", "net0"].filter(isDriveKey)).toEqual([]);
  });
});

describe("network devices", () => {
  test("without a MAC address get one below Proxmox's prefix", () => {
    expect(newMac()).toMatch(/^BC:24:11(:[0-9A-F]{2}){3}$/);
    expect(parseNet("model=virtio,bridge=vmbr0")).toMatchObject({
      model: "virtio",
      mac: expect.stringMatching(/^BC:24:11/),
    });
  });

  test("are written model first, the rest sorted, in either spelling of a request", () => {
    const written = "virtio=BC:24:11:00:00:0A,bridge=vnetdev,firewall=0,tag=120";
    for (const text of ["model=virtio,macaddr=bc:24:11:00:00:0a,tag=120,bridge=vnetdev,firewall=0", written]) {
      const net = parseNet(text);
      expect("error" in net ? net.error : formatNet(net)).toBe(written);
    }
  });

  test.each(["bridge=vmbr0", "model=fast,bridge=vmbr0", "virtio=no-mac"])("%s is refused", (text) => {
    expect(parseNet(text)).toHaveProperty("error");
  });
});

test("tags come out in lower case, sorted, each once", () => {
  expect(sortTags("Ops;holdfast,ops  alpha")).toBe("alpha;holdfast;ops");
});

test("every wrong field of a request is reported at once", () => {
  expect(() => readChange({ name: "not a name", cores: "two", colour: "red", scsi0: "ssd=1", memory: "512" })).toThrow(
    expect.objectContaining({
      status: 400,
      message: "Parameter verification failed.",
      errors: {
        name: "invalid format - value does not look like a valid DNS name\n",
        cores: "type check ('integer') failed - got 'two'",
        colour: "property is not defined in schema and the schema does not allow additional properties",
        scsi0: expect.stringContaining("file: property is missing"),
      },
    }),
  );
});

test("DHCP gives the same MAC address the same address, and ends with its network", () => {
  const lease = leases("192.0.2.254/24");
  expect(lease("BC:24:11:00:00:01", "vmbr0")).toBe("192.0.2.254/24");
  expect(lease("BC:24:11:00:00:02", "vmbr0")).toBe("192.0.2.255/24");
  expect(lease("BC:24:11:00:00:01", "vmbr0")).toBe("192.0.2.254/24");
  expect(() => lease("BC:24:11:00:00:03", "vmbr0")).toThrow("no lease left in 192.0.2.254/24");
});
