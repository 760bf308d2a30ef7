/**
 * Both kinds of downloads, those with a pinned digest and those with a published one, take the way that the environment says; and
 * redirects are followed without credentials, and never out of TLS.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fetchPinned } from "../../../../lib/download.ts";
import { download, statusOf } from "../../../../lib/http/download.ts";
import { downloaded } from "../../../../toolchain/download.ts";
import { serveHttp, serveHttps } from "../../../fixtures/loopback.fixture.ts";
import { forwardProxy } from "../../../fixtures/proxy.fixture.ts";

const content = Buffer.from("an archive");
const sha256 = createHash("sha256").update(content).digest("hex");
const name = "files.site.test";
const signal = new AbortController().signal;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-way-"));
  vi.stubEnv("HOLDFAST_CACHE", join(directory, "cache"));
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const serving: RequestListener = (request, response) => {
  response.end(request.url === "/tool.sums" ? `${sha256}  tool.tar\n` : content);
};

/** Each kind, from a base URL; fails with what it says of it. */
const kinds: [kind: string, fetch: (base: string) => Promise<Buffer>][] = [
  ["a pinned file", async (base) => readFileSync(await fetchPinned({ url: `${base}/tool.tar`, sha256 }, ""))],
  [
    "an archive of the toolchain",
    async (base) => {
      let got = Buffer.alloc(0);
      const unpack = async (file: string) => {
        got = readFileSync(file);
      };
      const way = downloaded({ url: `${base}/tool.tar`, checksums: `${base}/tool.sums` }, unpack);
      const outcome = await way.make(mkdtempSync(join(directory, "made-")));
      if (!outcome.made) throw new Error(outcome.why);
      return got;
    },
  ],
];

describe.each(kinds)("%s", (_kind, fetch) => {
  test("comes through a proxy, with TLS verified by the site's own authority", async () => {
    const { port, certificate } = await serveHttps(`secure.${name}`, serving);
    const proxy = await forwardProxy({ leads: { [`secure.${name}:443`]: port, [`stranger.${name}:443`]: port } });
    writeFileSync(join(directory, "ca.pem"), certificate);
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    await expect(fetch(`https://stranger.${name}`)).rejects.toThrow(/self.signed/i);
    vi.stubEnv("SSL_CERT_FILE", join(directory, "ca.pem"));
    expect(await fetch(`https://secure.${name}`)).toEqual(content);
    expect(new Set(proxy.connected)).toEqual(new Set([`stranger.${name}:443`, `secure.${name}:443`]));
  });

  test.each([
    ["NODE_EXTRA_CA_CERTS", "ca.pem"],
    ["SSL_CERT_FILE", "ca.pem"],
    ["SSL_CERT_DIR", ""],
  ])("is believed by %s", async (variable, file) => {
    const { port, certificate } = await serveHttps("localhost", serving);
    writeFileSync(join(directory, "ca.pem"), certificate);
    vi.stubEnv(variable, join(directory, file));
    expect(await fetch(`https://localhost:${port}`)).toEqual(content);
  });

  test("comes by HTTP through a proxy, and straight from whom NO_PROXY names", async () => {
    const port = Number(new URL(await serveHttp(serving)).port);
    const proxy = await forwardProxy({ leads: { [`${name}:80`]: port } });
    vi.stubEnv("HTTP_PROXY", proxy.url);
    expect(await fetch(`http://${name}`)).toEqual(content);
    expect(proxy.asked.map(({ url }) => url)).toContain(`http://${name}/tool.tar`);
    const before = proxy.asked.length;
    vi.stubEnv("HOLDFAST_CACHE", join(directory, "another"));
    vi.stubEnv("NO_PROXY", "direct.site.test");
    await expect(fetch("http://direct.site.test")).rejects.toThrow(/ENOTFOUND|EAI_AGAIN/);
    expect(proxy.asked).toHaveLength(before);
  });

  test("says which variable is wrong", async () => {
    vi.stubEnv("SSL_CERT_FILE", "/nowhere/ca.pem");
    await expect(fetch(`https://wrong.${name}`)).rejects.toThrow(
      /SSL_CERT_FILE names \/nowhere\/ca\.pem, which cannot be read: .*; correct or unset SSL_CERT_FILE/,
    );
  });
});

describe("redirects", () => {
  const nothing = () => new Writable({ write: (_part, _encoding, done) => done() });
  const limits = { bytes: 1_000_000, answerMs: 10_000, idleMs: 10_000 };

  test.each([301, 302, 303, 307, 308])(
    "by %i are followed to another host, with no header but our own",
    async (status) => {
      let told: object = {};
      const target = await serveHttp((request, response) => {
        told = request.headers;
        response.end(content);
      });
      const url = await serveHttp((_request, response) =>
        response.writeHead(status, { location: `${target}/x`, "set-cookie": "planted=1" }).end("moved"),
      );
      expect(await download(url, nothing(), "sha256", limits)).toBe(sha256);
      expect(Object.keys(told).sort()).toEqual(["accept", "accept-encoding", "connection", "host", "user-agent"]);
      expect(await statusOf(url, 10_000, signal)).toBe(200);
    },
  );

  test("in a circle end", async () => {
    let asked = 0;
    const url = await serveHttp((_request, response) => {
      asked++;
      response.writeHead(302, { location: "/again" }).end();
    });
    await expect(download(url, nothing(), "sha256", limits)).rejects.toThrow("it redirects more than 10 times");
    expect(asked).toBe(11);
  });

  test.each([
    ["out of TLS", `http://${name}/x`, "it redirects from https:// to http://files.site.test, which is not followed"],
    ["to a file", "file:///etc/passwd", "which is not followed"],
    ["to what is no URL", "http://", "it redirects to what is no URL"],
  ])("%s are refused", async (_where, location, message) => {
    const { port, certificate } = await serveHttps("localhost", (_request, response) =>
      response.writeHead(302, { location }).end(),
    );
    writeFileSync(join(directory, "ca.pem"), certificate);
    vi.stubEnv("SSL_CERT_FILE", join(directory, "ca.pem"));
    await expect(download(`https://localhost:${port}`, nothing(), "sha256", limits)).rejects.toThrow(message);
  });

  test("to a place that takes a password in its URL are refused, and it is not repeated", async () => {
    const url = await serveHttp((_request, response) =>
      response.writeHead(302, { location: "http://a:planted@127.0.0.1/" }).end(),
    );
    const error = await download(url, nothing(), "sha256", limits).catch((error: Error) => error);
    expect(error).toMatchObject({ message: "its URL has a user or a password in it" });
  });
});
