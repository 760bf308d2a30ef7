/**
 * Who gets in to the simulated Proxmox VE, what limited tokens may do, and how refusals look on the wire.
 */
import { expect, test } from "vitest";
import { authorization, proxmoxApi } from "../../../fixtures/proxmox-api.fixture.ts";

test("who does not authenticate is told why, in the reason phrase", async () => {
  const { proxmox, send } = await proxmoxApi();
  const reason = async (headers: Record<string, string>) => {
    const answer = await send("GET", "/version", undefined, headers);
    return `${answer.status} ${answer.reason}`;
  };
  expect(await reason({})).toBe("401 No ticket");
  expect(await reason(authorization("root@pam!nobody=00"))).toBe("401 no such token 'nobody' for user 'root@pam'");
  expect(await reason(authorization(`${proxmox.token}0`))).toBe("401 invalid token value!");
  expect(await reason({ cookie: "PVEAuthCookie=PVE:root@pam:0" })).toBe("401 permission denied - invalid PVE ticket");
});

test("a ticket reads alone, and writes with its token against forgery", async () => {
  const { proxmox, send } = await proxmoxApi();
  proxmox.addUser("root@pam", "planted-password");
  const login = (password: string) => send("POST", "/access/ticket", { username: "root@pam", password }, {});
  expect((await login("wrong")).reason).toBe("authentication failure");
  const { data } = (await login("planted-password")).body as { data: { ticket: string; CSRFPreventionToken: string } };
  const cookie = `PVEAuthCookie=${encodeURIComponent(data.ticket)}`;
  expect((await send("GET", "/version", undefined, { cookie })).status).toBe(200);
  const create = (headers: Record<string, string>) => send("POST", "/pools", { poolid: "dev" }, { cookie, ...headers });
  expect((await create({})).reason).toBe("Permission denied - invalid csrf token");
  expect((await create({ csrfpreventiontoken: data.CSRFPreventionToken })).status).toBe(200);
  expect(JSON.stringify(proxmox.requests)).not.toContain("planted-password");
});

test("a token does what it was granted, and is told which privilege it lacks", async () => {
  const { proxmox, send } = await proxmoxApi();
  proxmox.addTemplate({ name: "noble", vmid: 9000 });
  proxmox.addTemplate({ name: "other", vmid: 9001 });
  const headers = authorization(proxmox.addToken("ops@pve!ci", { "/vms/9000": ["VM.Audit", "VM.Clone"] }));
  const reason = async (method: string, path: string, fields?: Record<string, string>) =>
    (await send(method, path, fields, headers)).reason;
  expect(await reason("GET", "/nodes/pve1/qemu/9000/config")).toBe("OK");
  expect(await reason("GET", "/nodes/pve1/qemu/9001/config")).toBe("Permission check failed (/vms/9001, VM.Audit)");
  expect(await reason("POST", "/nodes/pve1/qemu/9000/clone", { newid: "100" })).toBe(
    "Permission check failed (/vms/100, VM.Allocate)",
  );
  expect(await reason("PUT", "/nodes/pve1/qemu/9000/config", { memory: "1024" })).toBe(
    "Permission check failed (/vms/9000, VM.Config.Memory)",
  );
  // Proxmox VE lists what may be seen, and does not say that there is more.
  const { data } = (await send("GET", "/cluster/resources", { type: "vm" }, headers)).body;
  expect(data).toMatchObject([{ vmid: 9000 }]);
});

test("using a storage or a bridge needs a privilege of its own", async () => {
  const { proxmox, send } = await proxmoxApi();
  const headers = authorization(proxmox.addToken("ops@pve!ci", { "/vms": ["*"] }));
  const create = async (fields: Record<string, string>) =>
    (await send("POST", "/nodes/pve1/qemu", { vmid: "100", ...fields }, headers)).reason;
  expect(await create({ scsi0: "local-lvm:4" })).toBe(
    "Permission check failed (/storage/local-lvm, Datastore.AllocateSpace)",
  );
  expect(await create({ net0: "virtio,bridge=vnetdev" })).toBe(
    "Permission check failed (/sdn/zones/localnetwork/vnetdev, SDN.Use)",
  );
});

test("a refusal has Proxmox VE's body; what is not simulated is 501, an unknown node 596", async () => {
  const { send } = await proxmoxApi();
  const bad = await send("POST", "/nodes/pve1/qemu", { vmid: "100", colour: "red" });
  expect(bad).toMatchObject({ status: 400, reason: "Parameter verification failed." });
  expect(bad.body).toEqual({
    data: null,
    message: "Parameter verification failed.\n",
    errors: { colour: "property is not defined in schema and the schema does not allow additional properties" },
  });
  expect(await send("GET", "/nodes/pve1/lxc")).toMatchObject({
    status: 501,
    reason: "Method 'GET /nodes/pve1/lxc' not implemented",
  });
  expect(await send("GET", "/nodes/pve9/qemu")).toMatchObject({ status: 596 });
});
