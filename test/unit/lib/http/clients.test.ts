/**
 * What forge, NetBox and Proxmox have in common, asked of each: the way that the environment says, the certificates that it names,
 * and that neither a token nor a proxy's password goes to anybody else or into a message. Servers and proxy are real, on loopback.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { api } from "../../../../lib/forge/api.ts";
import { netboxApi } from "../../../../lib/netbox/access.ts";
import { NetboxApi } from "../../../../lib/netbox/api.ts";
import { ProxmoxApi } from "../../../../lib/proxmox/api.ts";
import type { RetryPolicy } from "../../../../lib/retry.ts";
import { serveHttp, serveHttps } from "../../../fixtures/loopback.fixture.ts";
import { forwardProxy } from "../../../fixtures/proxy.fixture.ts";
import { operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const token = "0f9e8d7c6b5a-hidden-4938";
const password = "planted-of-the-proxy";
const retry: RetryPolicy = { attempts: 3, attemptMs: 10_000, pauseMs: 1 };
const signal = new AbortController().signal;
const version = z.object({ version: z.string() });

const clients: [name: string, ask: (url: string) => Promise<unknown>][] = [
  ["forge", async (url) => (await api({ url, token, retry }, "GET", "/version", version)).body],
  ["netbox", (url) => new NetboxApi({ url, token, signal, retry }).get("/version", version)],
  [
    "proxmox",
    (url) =>
      new ProxmoxApi({ endpoint: url, token: `a@b!c=${token}`, insecure: false }, signal, retry).get("/v", version),
  ],
];

/** Answers each of them, and counts. */
function answering(seen: string[] = []): RequestListener {
  return (request, response) => {
    seen.push(request.headers.authorization ?? "");
    response.end(JSON.stringify({ version: "1", data: { version: "1" } }));
  };
}

/** Where a file with this text is. */
function written(text: string): { file: string; directory: string } {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-clients-"));
  writeFileSync(join(directory, "ca.pem"), text);
  return { file: join(directory, "ca.pem"), directory };
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each(clients)("%s", (name, ask) => {
  const host = `${name}.site.test`;

  test("is asked through the proxy, which sees no token, and verified from end to end", async () => {
    const seen: string[] = [];
    const { port, certificate } = await serveHttps(host, answering(seen));
    const proxy = await forwardProxy({ leads: { [`${host}:8443`]: port }, user: `ops:${password}` });
    vi.stubEnv("HTTPS_PROXY", proxy.url.replace("//", `//ops:${password}@`));
    await expect(ask(`https://${host}:8443`)).rejects.toThrow(/certificate|SELF_SIGNED/);
    vi.stubEnv("SSL_CERT_FILE", written(certificate).file);
    expect(await ask(`https://${host}:8443`)).toEqual({ version: "1" });
    expect(new Set(proxy.connected)).toEqual(new Set([`${host}:8443`]));
    expect(JSON.stringify(proxy.told)).not.toContain(token);
    expect(seen.join()).toContain(token);
  });

  test("is asked directly where NO_PROXY names it, and on this machine", async () => {
    const proxy = await forwardProxy();
    vi.stubEnv("HTTP_PROXY", proxy.url);
    vi.stubEnv("NO_PROXY", "10.0.0.0/8,.site.test");
    await expect(ask(`http://${host}`)).rejects.toThrow(/ENOTFOUND|EAI_AGAIN/);
    expect(await ask(await serveHttp(answering()))).toEqual({ version: "1" });
    expect([proxy.asked, proxy.connected]).toEqual([[], []]);
  });

  test.each(["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_DIR"])("is believed by %s", async (variable) => {
    const { port, certificate } = await serveHttps("localhost", answering());
    const { file, directory } = written(certificate);
    vi.stubEnv(variable, variable === "SSL_CERT_DIR" ? directory : file);
    expect(await ask(`https://localhost:${port}`)).toEqual({ version: "1" });
  });

  test.each([
    [
      "SSL_CERT_FILE",
      "/nowhere/ca.pem",
      /SSL_CERT_FILE names \/nowhere\/ca\.pem, which cannot be read: .*; correct or unset/,
    ],
    ["HTTPS_PROXY", `socks5://ops:${password}@proxy`, /HTTPS_PROXY names a proxy with socks5:\/\/.*; correct or unset/],
  ])("says what is wrong with %s, at once", async (variable, value, message) => {
    vi.stubEnv(variable, value);
    const error = await ask(`https://${host}`).catch((error: Error) => error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("planted");
    expect(error).toMatchObject({ retryable: false });
  });

  test.each([
    [407, false, /: 407 Proxy Authentication Required; put its user and password into the proxy's URL/],
    [502, true, /: 502 Bad Gateway; is it allowed there, and reachable from the proxy\?/],
  ])("names the proxy that answers %i, without its password", async (refuses, retryable, message) => {
    const proxy = await forwardProxy({ refuses, user: `ops:${password}` });
    vi.stubEnv("HTTPS_PROXY", proxy.url.replace("//", `//ops:${password}@`));
    const error = await ask(`https://${host}`).catch((error: Error & { retryable: boolean }) => error);
    expect(error).toMatchObject({ retryable, message: expect.stringMatching(message) });
    expect((error as Error).message).toContain(`the proxy ${proxy.url} (HTTPS_PROXY) does not connect to ${host}:443`);
    expect((error as Error).message).not.toContain("planted");
    expect(proxy.connected).toHaveLength(retryable ? retry.attempts : 1);
  });

  test("shows neither its token nor a proxy's password, whoever repeats them", async () => {
    vi.stubEnv("HTTP_PROXY", `http://ops:${password}@proxy.site.test`);
    const url = await serveHttp((request, response) => {
      const basic = Buffer.from(`ops:${password}`).toString("base64");
      const said = `${request.headers.authorization} ${encodeURIComponent(token)} ${token.slice(0, 12)} ${password} ${basic}`;
      response.writeHead(403, said.replaceAll(" ", "-"), { "content-type": "application/json" });
      response.end(JSON.stringify({ message: said, detail: said, errors: { token: said } }));
    });
    const { message } = (await ask(url).catch((error: Error) => error)) as Error;
    expect(message).toContain("[secret]");
    for (const part of [token, token.slice(0, 8), "planted"]) expect(message).not.toContain(part);
    expect(message).not.toContain(Buffer.from(`ops:${password}`).toString("base64"));
  });

  test.each([301, 302, 307, 308])("carries its token nowhere by a redirect with %i", async (status) => {
    const stranger: string[] = [];
    const elsewhere = await serveHttp(answering(stranger));
    const url = await serveHttp((_request, response) => response.writeHead(status, { location: elsewhere }).end());
    await expect(ask(url)).rejects.toThrow(`${status}`);
    expect(stranger).toEqual([]);
  });
});

test("NetBox behind a jump host is reached through it alone, whatever proxy there is", async () => {
  operatorHome();
  const port = Number(new URL(await serveHttp(answering())).port);
  const jump = await sshHost({ reaches: (host) => (host === "netbox.site.test" ? port : undefined) });
  const proxy = await forwardProxy();
  vi.stubEnv("HTTP_PROXY", proxy.url);
  const target = { user: "root", stack: "platform-vm/dev-apps", host: jump.host, port: jump.port };
  const config = { netboxUrl: "http://netbox.site.test:8000", netboxToken: token, netboxJumps: [target] };
  const netbox = await netboxApi({ config, signal: AbortSignal.timeout(20_000), log: () => {} });
  const before = proxy.asked.length;
  expect(await netbox.get("/version", version)).toEqual({ version: "1" });
  // The look whether it answers without a jump host is all that took the proxy.
  expect([before, proxy.asked.length]).toEqual([1, 1]);
});
