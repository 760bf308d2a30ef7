/**
 * The plugin's client of the Proxmox VE API: what it repeats and what never, how it is bounded, and what its errors say.
 */
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { ProxmoxApi } from "../../../../lib/proxmox/api.ts";
import type { RetryPolicy } from "../../../../lib/retry.ts";
import { proxmoxApi } from "../../../fixtures/proxmox-api.fixture.ts";
import { trust } from "../../../fixtures/proxmox-plugin.fixture.ts";

const quick: RetryPolicy = { attemptMs: 2_000, attempts: 3, pauseMs: 1 };

async function client(changes: Partial<{ token: string; retry: RetryPolicy; signal: AbortSignal }> = {}) {
  const { proxmox, ...rest } = await proxmoxApi();
  trust(proxmox.certificate);
  const access = { endpoint: proxmox.url, token: changes.token ?? proxmox.token, insecure: false };
  const api = new ProxmoxApi(access, changes.signal ?? new AbortController().signal, changes.retry ?? quick);
  const asked = (path: string) => proxmox.requests.filter((request) => request.path === path).length;
  return { api, proxmox, asked, ...rest };
}

test("a GET is repeated when its answer got lost, and no more often than it may", async () => {
  const { api, proxmox, asked } = await client();
  proxmox.faults.drop({ method: "GET", path: "/version", times: 2 });
  expect(await api.get("/version", z.unknown())).toMatchObject({ release: "9.0" });
  expect(asked("/version")).toBe(3);
  proxmox.faults.refuse({ method: "GET", path: "/version", status: 596, times: 9 });
  await expect(api.get("/version", z.unknown())).rejects.toThrow("596 Connection timed out");
  expect(asked("/version")).toBe(3 + 3);
});

test("a GET that was refused is not repeated, and nothing else ever is", async () => {
  const { api, proxmox } = await client();
  const vmid = proxmox.addTemplate({ name: "base" });
  proxmox.faults.refuse({ method: "GET", path: "/version" });
  await expect(api.get("/version", z.unknown())).rejects.toThrow("500");
  proxmox.faults.drop({ method: "POST", path: `/nodes/pve1/qemu/${vmid}/clone`, when: "after" });
  await expect(api.send("POST", `/nodes/pve1/qemu/${vmid}/clone`, z.string(), { newid: 200 })).rejects.toThrow(
    "does not answer",
  );
  expect(proxmox.requests.filter(({ method }) => method === "POST")).toHaveLength(1);
  expect(await api.get("/version", z.unknown())).toBeDefined();
});

test.each([
  [
    "ci@pve!gone=11111111-2222-3333-4444-555555555555",
    "the token ci@pve!gone is not accepted: pulumi config set --secret proxmox.token",
  ],
  [
    "root@pam!holdfast=11111111-2222-3333-4444-555555555555",
    "invalid token value!; the token root@pam!holdfast is not accepted",
  ],
])("the token %s is refused in words without its secret", async (token, words) => {
  const { api, proxmox } = await client({ token });
  const error = await api.get("/nodes", z.unknown()).catch((error: Error) => error as Error);
  expect(String(error)).toContain(words);
  expect(String(error)).toContain(proxmox.url);
  expect(String(error)).not.toContain("11111111-2222");
});

test("a token's secret is hidden in what Proxmox VE says, and its name is not", async () => {
  const { api, proxmox } = await client();
  const [name = "", secret = ""] = proxmox.token.split("=");
  const message = `no such storage '${name.split("!")[0]}-images' for ${secret}`;
  proxmox.faults.refuse({ method: "GET", path: "/version", message });
  await expect(api.get("/version", z.unknown())).rejects.toThrow(`${name.split("!")[0]}-images' for [secret]`);
});

test("a missing privilege is named with its scope, and how to give it", async () => {
  const { api, proxmox } = await client();
  const vmid = proxmox.addTemplate({ name: "base" });
  const token = proxmox.addToken("ci@pve!holdfast", { "/vms": ["VM.Audit"] });
  const limited = new ProxmoxApi(
    { endpoint: api.endpoint, token, insecure: false },
    new AbortController().signal,
    quick,
  );
  const error = await limited
    .send("POST", `/nodes/pve1/qemu/${vmid}/clone`, z.string(), { newid: 200 })
    .catch((error: Error) => error);
  expect(String(error)).toContain(
    `lacks VM.Clone on /vms/${vmid}: pveum acl modify /vms/${vmid} --tokens 'ci@pve!holdfast'`,
  );
});

test("a node that is not there is named", async () => {
  const { api } = await client();
  await expect(api.get("/nodes/pve9/storage", z.unknown())).rejects.toThrow(
    /596 .*; node pve9 does not answer, or there is none/,
  );
});

test("a certificate that nobody vouches for is refused with what to do, unless it is allowed", async () => {
  const { proxmox } = await proxmoxApi();
  const access = { endpoint: proxmox.url, token: proxmox.token, insecure: false };
  const signal = new AbortController().signal;
  await expect(new ProxmoxApi(access, signal, { ...quick, attempts: 1 }).get("/version", z.unknown())).rejects.toThrow(
    /does not answer: .*certificate.*; give the site's own certificate with SSL_CERT_FILE=<file>, or set proxmox.insecure/,
  );
  expect(proxmox.requests).toEqual([]);
  expect(await new ProxmoxApi({ ...access, insecure: true }, signal, quick).get("/version", z.unknown())).toBeDefined();
});

test("a task that fails is named with its words, and one that does not end is not waited for", async () => {
  const { api, proxmox } = await client();
  const vmid = proxmox.addTemplate({ name: "base" });
  proxmox.faults.failTask({ type: "qmclone", error: "clone failed: storage went away" });
  const clone = (newid: number) => api.send("POST", `/nodes/pve1/qemu/${vmid}/clone`, z.string(), { newid });
  await expect(api.ended(await clone(200), 5_000)).rejects.toThrow(
    `task qmclone of ${vmid} on node pve1 failed: clone failed: storage went away`,
  );
  proxmox.faults.slowTask({ type: "qmclone", delayMs: 60_000 });
  await expect(api.ended(await clone(201), 0)).rejects.toThrow("did not end within 0 s; look at it in the task list");
});

test("a cancelled update ends its calls", async () => {
  const cancelled = new AbortController();
  const { api, proxmox } = await client({ signal: cancelled.signal });
  proxmox.faults.drop({ method: "GET", path: "/version", times: 99 });
  const answer = api.get("/version", z.unknown()).catch((error: Error) => error.message);
  await setImmediate();
  cancelled.abort(new Error("cancelled by the user"));
  expect(await answer).toMatch(/cancelled by the user|aborted/);
});
