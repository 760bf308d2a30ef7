/**
 * The way to the other side: through a real proxy on loopback, with a certificate authority of the site's own, each as the
 * environment says. Names are resolved by the proxy alone, so that what is reached was reached through it.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { exchange, type HttpCall } from "../../../../lib/http/exchange.ts";
import type { HttpFailure } from "../../../../lib/http/failure.ts";
import { listening, nowhere, serveHttp, serveHttps } from "../../../fixtures/loopback.fixture.ts";
import { forwardProxy } from "../../../fixtures/proxy.fixture.ts";

const password = "pass-of-the-proxy";
const call = { method: "GET", headers: { authorization: "token planted" }, limits: { ms: 10_000 } };
const name = "api.site.test";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Sets variables of the environment until the test is over. */
function setting(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

/** Writes a file of its own. */
function written(text: string, file = "ca.pem"): { path: string; directory: string } {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-trust-"));
  const path = join(directory, file);
  writeFileSync(path, text);
  return { path, directory };
}

function failing(changes: Partial<HttpCall> & { url: string }): Promise<HttpFailure> {
  return exchange({ ...call, ...changes }).then(
    ({ status }) => {
      throw new Error(`it was answered with ${status}`);
    },
    (error: HttpFailure) => error,
  );
}

describe("through a proxy", () => {
  test("https goes by CONNECT: the proxy sees host and port, and neither path nor headers", async () => {
    const { port, certificate } = await serveHttps(name, (_request, response) => response.end("hello"));
    const proxy = await forwardProxy({ leads: { [`${name}:8443`]: port }, user: `ops:${password}` });
    setting({ HTTPS_PROXY: proxy.url.replace("//", `//ops:${password}@`), SSL_CERT_FILE: written(certificate).path });
    expect((await exchange({ ...call, url: `https://${name}:8443/secret?q=1` })).body.toString()).toBe("hello");
    expect(proxy.connected).toEqual([`${name}:8443`]);
    expect(Object.keys(proxy.told[0] ?? {}).sort()).toEqual(["connection", "host", "proxy-authorization"]);
    expect(proxy.asked).toEqual([]);
  });

  test("a certificate is verified from end to end, and taken unseen only where that is allowed", async () => {
    const { port } = await serveHttps(name, (_request, response) => response.end());
    const other = await serveHttps("other.site.test", (_request, response) => response.end());
    const proxy = await forwardProxy({ leads: { [`${name}:443`]: port, "wrong.site.test:443": other.port } });
    setting({ HTTPS_PROXY: proxy.url, SSL_CERT_FILE: written(other.certificate).path });
    expect(await failing({ url: `https://${name}` })).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(await failing({ url: "https://wrong.site.test" })).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    expect((await exchange({ ...call, url: `https://${name}`, insecure: true })).status).toBe(200);
  });

  test("http is asked for by its whole URL, with the proxy's password for the proxy alone", async () => {
    let told: object = {};
    const target = await serveHttp((request, response) => {
      told = request.headers;
      response.end(request.url);
    });
    const proxy = await forwardProxy({
      leads: { [`${name}:80`]: Number(new URL(target).port) },
      user: `ops:${password}`,
    });
    setting({ HTTP_PROXY: proxy.url.replace("//", `//ops:${password}@`) });
    const { body } = await exchange({ ...call, url: `http://${name}/a?b=c`, method: "POST", body: "x" });
    expect(body.toString()).toBe("/a?b=c");
    expect(proxy.asked.map(({ url }) => url)).toEqual([`http://${name}/a?b=c`]);
    expect(told).toMatchObject({ host: name, authorization: "token planted" });
    expect(told).not.toHaveProperty("proxy-authorization");
  });

  test("never to this machine, and never to whom NO_PROXY names", async () => {
    const url = await serveHttp((_request, response) => response.end("hello"));
    setting({ HTTP_PROXY: await nowhere() });
    expect((await exchange({ ...call, url })).status).toBe(200);
    setting({ NO_PROXY: ".site.test" });
    expect(await failing({ url: `http://${name}` })).toMatchObject({ kind: "unconnected" });
  });

  test.each([
    [403, "environment", "403 Forbidden"],
    [407, "environment", "407 Proxy Authentication Required"],
    [502, "proxy", "502 Bad Gateway"],
  ])("one that answers %i is named, with the variable, and without its password", async (refuses, kind, status) => {
    const proxy = await forwardProxy({ refuses, user: `ops:${password}` });
    setting({ HTTPS_PROXY: proxy.url.replace("//", `//ops:${password}@`) });
    const failure = await failing({ url: `https://${name}/x` });
    expect(failure).toMatchObject({ kind, code: "", advice: expect.any(String) });
    expect(failure.message).toBe(`the proxy ${proxy.url} (HTTPS_PROXY) does not connect to ${name}:443: ${status}`);
  });

  test("one that wants a password says so for http too", async () => {
    const proxy = await forwardProxy({ user: "ops:other" });
    setting({ HTTP_PROXY: proxy.url });
    expect(await failing({ url: `http://${name}/x` })).toMatchObject({ kind: "environment", message: /407/ });
  });

  test.each(["http", "https"])("one that is not there is what could not be reached, for %s", async (scheme) => {
    const url = await nowhere();
    setting({ HTTP_PROXY: url, HTTPS_PROXY: url });
    const failure = await failing({ url: `${scheme}://${name}` });
    expect(failure).toMatchObject({ kind: "proxy", code: "" });
    expect(failure.message).toMatch(
      /^the proxy http:\/\/127\.0\.0\.1:\d+ \(HTTPS?_PROXY\) cannot be reached: .*ECONNREFUSED/,
    );
  });

  test("one that never answers is late, and the connection to it ends with the call", async () => {
    let seen = () => {};
    const closed = new Promise<void>((resolve) => {
      seen = resolve;
    });
    const port = await listening(createServer((socket) => void socket.once("close", seen).resume()));
    setting({ HTTPS_PROXY: `http://127.0.0.1:${port}` });
    expect(await failing({ url: `https://${name}`, limits: { ms: 300 } })).toMatchObject({ kind: "late" });
    await closed;
  });
});

describe("a certificate authority of the site's own", () => {
  /** Asks a server that shows a certificate of this authority. */
  async function asking(variables: (certificate: string) => Record<string, string>): Promise<number> {
    const { port, certificate } = await serveHttps("localhost", (_request, response) => response.end());
    setting(variables(certificate));
    return (await exchange({ ...call, url: `https://localhost:${port}` })).status;
  }

  test.each([
    ["SSL_CERT_FILE", (text: string) => ({ SSL_CERT_FILE: written(text).path })],
    ["NODE_EXTRA_CA_CERTS", (text: string) => ({ NODE_EXTRA_CA_CERTS: written(`# ours\n${text}`).path })],
    ["SSL_CERT_DIR", (text: string) => ({ SSL_CERT_DIR: `/nowhere:${written(text, "0123abcd.0").directory}` })],
    [
      "one of several",
      (text: string) => ({
        SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
        SSL_CERT_DIR: written(text).directory,
      }),
    ],
  ])("is trusted by %s", async (_name, variables) => {
    expect(await asking(variables)).toBe(200);
  });

  test.each([
    ["SSL_CERT_FILE", "/nowhere/ca.pem", "names /nowhere/ca.pem, which cannot be read: ENOENT"],
    ["NODE_EXTRA_CA_CERTS", "/nowhere/ca.pem", "names /nowhere/ca.pem, which cannot be read: ENOENT"],
    ["SSL_CERT_FILE", written("no certificate").path, "which holds no certificate in PEM"],
    ["SSL_CERT_DIR", "/nowhere:/elsewhere", "names /nowhere:/elsewhere, where no file holds a certificate in PEM"],
  ])("that %s does not lead to (%s) is refused before anything is sent", async (variable, value, message) => {
    let asked = 0;
    const { port } = await serveHttps("localhost", (_request, response) => void response.end(`${++asked}`));
    setting({ [variable]: value });
    const failure = await failing({ url: `https://localhost:${port}`, insecure: true });
    expect(failure).toMatchObject({ kind: "environment", advice: `correct or unset ${variable}` });
    expect(failure.message).toContain(`${variable} `);
    expect(failure.message).toContain(message);
    expect(asked).toBe(0);
  });
});

test.each([
  ["without a word about certificates", false],
  ["with a certificate authority of the site", true],
])("a connection is taken up again, %s", async (_how, stated) => {
  const clients = new Set<number | undefined>();
  const { port, certificate } = await serveHttps("localhost", ({ socket }, response) => {
    clients.add(socket.remotePort);
    response.end("hello");
  });
  const none = { SSL_CERT_FILE: "", SSL_CERT_DIR: "", NODE_EXTRA_CA_CERTS: "" };
  setting(stated ? { ...none, SSL_CERT_FILE: written(certificate).path } : none);
  for (let calls = 0; calls < 3; calls += 1) {
    await exchange({ ...call, url: `https://127.0.0.1:${port}/`, insecure: true });
  }
  expect(clients.size).toBe(1);
});
