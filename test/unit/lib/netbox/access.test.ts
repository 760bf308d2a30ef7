/**
 * How the plugin reaches NetBox: directly, or through a jump host with a checked host key, and with TLS verified from end to
 * end. Real SSH, real TLS; NetBox itself is a server that answers as it would.
 */
import { writeFileSync } from "node:fs";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { selfSigned } from "../../../../lab/proxmox/certificate.ts";
import { netboxApi } from "../../../../lib/netbox/access.ts";
import { keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const token = "nbt_abcdefghijkl.0123456789012345678901234567890123456789";
const place = { user: "root", stack: "platform-vm/dev-apps" };

/** Answers everything, or refuses as NetBox does. */
const answering: RequestListener = (request, response) => {
  const allowed = request.headers.authorization === `Bearer ${token}`;
  response.writeHead(allowed ? 200 : 403, { "content-type": "application/json" });
  response.end(JSON.stringify(allowed ? { "netbox-version": "4.7.3" } : { detail: "Invalid v2 token" }));
};

async function plainNetbox(): Promise<number> {
  const server = createHttp(answering);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** The plugin's client; what it said on the way. */
async function reach(netboxUrl: string, netboxJumps: object[] = [], netboxToken = token) {
  const output: string[] = [];
  const config = { netboxUrl, netboxToken, netboxJumps: netboxJumps as never };
  const signal = AbortSignal.timeout(20_000);
  const api = await netboxApi({ config, signal, log: (_, text) => output.push(text) });
  return { output, version: () => api.get("/status/", z.object({ "netbox-version": z.string() })) };
}

test("directly where that works: nobody logs in on the jump host", async () => {
  operatorHome();
  const jump = await sshHost();
  const port = await plainNetbox();
  const { output, version } = await reach(`http://127.0.0.1:${port}`, [{ ...place, ...jump }]);
  expect(await version()).toEqual({ "netbox-version": "4.7.3" });
  expect(output).toEqual([]);
  expect(jump.dials()).toBe(0);
});

test("through the second jump host where neither the straight way nor the first one leads there, with one login for all", async () => {
  operatorHome();
  const port = await plainNetbox();
  const nowhere = await sshHost();
  const jump = await sshHost({ reaches: (host) => (host === "127.0.0.9" ? port : undefined) });
  const target = (one: { host: string; port: number }) => ({ ...place, host: one.host, port: one.port });
  const { output, version } = await reach("http://127.0.0.9:1", [target(nowhere), target(jump)]);
  expect(output).toEqual(["netbox api unreachable directly; using ssh tunnel via root@127.0.0.1"]);
  await Promise.all(Array.from({ length: 10 }, version));
  expect(jump.dials()).toBe(1);
});

test("with TLS through the jump host, to the name that the certificate is for, and to no other", async () => {
  const { home } = operatorHome();
  const { key, cert } = await selfSigned(["127.0.0.9"]);
  const server = createHttps({ key, cert }, answering);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const port = (server.address() as AddressInfo).port;
  const jump = await sshHost({ reaches: () => port });
  const over = [{ ...place, host: jump.host, port: jump.port }];
  await expect(reach("https://127.0.0.9:1", over)).rejects.toThrow(/self-signed certificate; give the site's own/);
  const file = join(home, "ca.pem");
  writeFileSync(file, cert);
  vi.stubEnv("SSL_CERT_FILE", file);
  const { version } = await reach("https://127.0.0.9:1", over);
  expect(await version()).toEqual({ "netbox-version": "4.7.3" });
  await expect(reach("https://127.0.0.10:1", over)).rejects.toThrow(/does not match certificate's altnames/);
});

test("never over a jump host that shows another key than the one that is pinned", async () => {
  operatorHome();
  const port = await plainNetbox();
  const jump = await sshHost({ reaches: () => port });
  const pinned = { ...place, host: jump.host, port: jump.port, hostKey: keyPair().public };
  await expect(reach("http://127.0.0.9:1", [pinned])).rejects.toThrow(
    /NetBox API unreachable.*ssh tunnel via root@127.0.0.1 failed/s,
  );
});

test("a token that is refused is final at once, whatever way there would be", async () => {
  operatorHome();
  const jump = await sshHost();
  const port = await plainNetbox();
  const { version } = await reach(`http://127.0.0.1:${port}`, [{ ...place, ...jump }], token.replace("abc", "xyz"));
  await expect(version()).rejects.toThrow(/403 Invalid v2 token; NETBOX_API_TOKEN is rejected by NetBox API/);
  expect(jump.dials()).toBe(0);
});

test("where no way leads there, each of them is said with what became of it", async () => {
  operatorHome();
  const jump = await sshHost();
  const over = [{ ...place, host: jump.host, port: jump.port }];
  await expect(reach("http://127.0.0.9:1", over)).rejects.toThrow(
    /NetBox API unreachable \(.*ECONNREFUSED.*\); tunnel probe via root@127\.0\.0\.1 failed: .*configure a bastion: ssh_proxy_jump_host/,
  );
});
