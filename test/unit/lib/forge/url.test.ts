/**
 * Where a forge is, found by asking real HTTP servers on loopback, and how an address is spelled in a URL.
 */
import type { RequestListener } from "node:http";
import { expect, test } from "vitest";
import { libvirtUri } from "../../../../components/vm/libvirt-provider.ts";
import { candidateUrls, findForge } from "../../../../lib/forge/url.ts";
import { hostOf } from "../../../../lib/network/address.ts";
import { keyPathVariable } from "../../../../lib/ssh/dial.ts";
import { nowhere, serveHttp } from "../../../fixtures/loopback.fixture.ts";

const forge: RequestListener = (request, response) =>
  request.url === "/api/v1/version"
    ? response.end(JSON.stringify({ version: "11.0.1+gitea-1.22.0" }))
    : response.writeHead(404).end();

test("TLS is preferred, then Gitea's own port, then plain HTTP", () => {
  expect(candidateUrls("198.51.100.9")).toEqual([
    "https://198.51.100.9",
    "http://198.51.100.9:3000",
    "http://198.51.100.9",
  ]);
});

test("an IPv6 address is bracketed, so that every candidate is a URL", () => {
  const urls = candidateUrls("2001:db8::9").map((url) => new URL(url));
  expect(urls.map(({ hostname, port }) => [hostname, port])).toEqual([
    ["[2001:db8::9]", ""],
    ["[2001:db8::9]", "3000"],
    ["[2001:db8::9]", ""],
  ]);
});

test("a URL's host is an address again, without brackets", () => {
  expect(hostOf("http://[2001:db8::9]:3000")).toBe("2001:db8::9");
  expect(hostOf("https://forge.example.org/git")).toBe("forge.example.org");
});

test("the hypervisor's URI is one for IPv6 too, and names no path of this workstation", () => {
  const uri = libvirtUri({ host: "2001:db8::2", port: 2222, user: "ops", stack: "runners/crunchy" });
  expect(new URL(uri)).toMatchObject({ username: "ops", hostname: "[2001:db8::2]", port: "2222" });
  expect(Object.fromEntries(new URL(uri).searchParams)).toEqual({
    sshauth: "agent,privkey",
    keyfile: `\${${keyPathVariable}}`,
    knownhosts: "$HOME/.config/holdfast/known_hosts/runners/crunchy",
  });
});

test("the first candidate at which a forge answers is taken, even when a later one answers sooner", async () => {
  const slow = await serveHttp((_request, response) => {
    quick.then(() => response.end(JSON.stringify({ version: "1.26.0" })));
  });
  let asked = () => {};
  const quick = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const fast = await serveHttp((_request, response) => {
    response.end(JSON.stringify({ version: "1.26.0" }), asked);
  });
  expect(await findForge("198.51.100.9", [slow, fast])).toBe(slow);
});

test("what does not answer like a forge is passed over", async () => {
  const html = await serveHttp((_request, response) => response.end("<html>It works!</html>"));
  const other = await serveHttp((_request, response) => response.end('{"name":"something else"}'));
  const nothing = await serveHttp((_request, response) => response.end("null"));
  const real = await serveHttp(forge);
  expect(await findForge("198.51.100.9", [await nowhere(), html, other, nothing, real])).toBe(real);
});

test("a server whose TLS is broken is not reached without TLS instead", async () => {
  const plain = await serveHttp(forge);
  // Plain HTTP on the port where TLS is expected: the handshake fails, but something listens.
  const broken = plain.replace("http:", "https:");
  await expect(findForge("198.51.100.9", [broken, plain])).rejects.toThrow("pulumi config set forge.url");
  const closed = (await nowhere()).replace("http:", "https:");
  expect(await findForge("198.51.100.9", [closed, plain])).toBe(plain);
});

test("when none answers, the error says what each said and which key to set", async () => {
  const dead = await nowhere();
  const missing = await serveHttp((_request, response) => response.writeHead(404).end());
  const other = await serveHttp((_request, response) => response.end("{}"));
  const refusal = findForge("forge.example.org", [dead, missing, other]);
  await expect(refusal).rejects.toThrow("no forge answers at forge.example.org");
  await expect(refusal).rejects.toThrow("pulumi config set forge.url");
  await expect(refusal).rejects.toThrow(`${dead}: ECONNREFUSED`);
  await expect(refusal).rejects.toThrow(`${missing}: answered 404`);
  await expect(refusal).rejects.toThrow(`${other}: answered, but not like a forge`);
});

test("a forge that is closed to strangers is a forge; a proxy that shuts us out is none", async () => {
  const answering = (status: number, body: string) =>
    serveHttp((_request, response) => response.writeHead(status).end(body));
  const closed = await answering(403, '{"message":"Only signed in user is allowed to call APIs."}');
  const proxy = await answering(403, '{"message":"Access denied"}');
  const page = await answering(403, "<html>Forbidden</html>");
  expect(await findForge("198.51.100.9", [proxy, page, closed])).toBe(closed);
  await expect(findForge("198.51.100.9", [proxy])).rejects.toThrow(`${proxy}: answered 403`);
});
