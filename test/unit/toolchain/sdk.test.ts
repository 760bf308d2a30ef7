import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test } from "vitest";

const seen: pulumi.runtime.MockResourceArgs[] = [];

beforeAll(() =>
  pulumi.runtime.setMocks({
    newResource(args) {
      seen.push(args);
      return { id: `${args.name}-id`, state: args.inputs };
    },
    call: (args) => args.inputs,
  }),
);

test("an ES module program imports the committed SDK and its types", async () => {
  const provider = new libvirt.Provider("host", { uri: "qemu:///system" });
  const args: libvirt.VolumeArgs = { pool: "default", size: 1024, format: undefined };
  const volume = new libvirt.Volume("disk", args, { provider });
  const domain = new libvirt.Domain("vm", { memory: 512, disks: [{ volumeId: volume.id }] }, { provider });
  const id = await new Promise((resolve) => domain.disks.apply((disks) => resolve(disks?.[0]?.volumeId)));
  expect(id).toBe("disk-id");
  expect(seen.map(({ type }) => type)).toEqual([
    "pulumi:providers:libvirt",
    "libvirt:index/volume:Volume",
    "libvirt:index/domain:Domain",
  ]);
});
