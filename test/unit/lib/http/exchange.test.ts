/**
 * The one HTTP reader against servers that mean harm: whatever they send, the call ends within its retry with one reason, and
 * nothing is thrown where nobody catches it. The servers are plain sockets, so that they can break the protocol.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { api } from "../../../../lib/forge/api.ts";
import { ForgeError } from "../../../../lib/forge/errors.ts";
import { exchange, type HttpCall, type Limits } from "../../../../lib/http/exchange.ts";
import type { HttpFailure } from "../../../../lib/http/failure.ts";
import { parseJson } from "../../../../lib/http/json.ts";
import { everyRow } from "../../../../lib/http/pages.ts";
import { NetboxApi } from "../../../../lib/netbox/api.ts";
import { printable } from "../../../../lib/printable.ts";
import { ProxmoxApi } from "../../../../lib/proxmox/api.ts";
import { nowhere, serveHttp } from "../../../fixtures/loopback.fixture.ts";

const limits: Limits = { ms: 5_000, bytes: 64 * 1024 };
const plain = { method: "GET", headers: {}, limits };

/** What nobody caught while a test ran. */
const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);

beforeEach(() => {
  uncaught.length = 0;
  process.on("uncaughtExceptionMonitor", note);
});
afterEach(() => {
  process.off("uncaughtExceptionMonitor", note);
  expect(uncaught).toEqual([]);
});

/** A server that does this with each connection once something was asked. */
async function rawServer(
  answer: (socket: Socket, asked: string) => void,
): Promise<{ url: string; closed: Promise<void> }> {
  let seen = () => {};
  const closed = new Promise<void>((resolve) => {
    seen = resolve;
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", seen);
    socket.once("data", (asked) => answer(socket, asked.toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, closed };
}

/** Writes without an end, as fast as it is taken. */
function endless(socket: Socket, part: string | Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(part));
  };
  socket.on("drain", more);
  more();
}

async function failure(call: Partial<HttpCall> & { url: string }): Promise<HttpFailure> {
  return exchange({ ...plain, ...call }).then(
    (answer) => {
      throw new Error(`it was answered with ${answer.status}`);
    },
    (error: HttpFailure) => error,
  );
}

const ok = "HTTP/1.1 200 OK\r\n";

test("an answer comes as it is, whatever its status", async () => {
  const url = await serveHttp((request, response) => {
    response.writeHead(418, { "x-said": "yes" });
    request.pipe(response);
  });
  const { status, reason, headers, body } = await exchange({ ...plain, url, method: "POST", body: "grüße" });
  expect([status, reason, headers.get("x-said"), body.toString()]).toEqual([418, "I'm a Teapot", "yes", "grüße"]);
});

test.each([
  ["of a length that it says", "content-length: 99999999999\r\n\r\n"],
  ["in chunks", "transfer-encoding: chunked\r\n\r\n"],
  ["until the connection ends", "\r\n"],
])("an endless body %s ends at the bound, and the connection with it", async (_what, head) => {
  const { url, closed } = await rawServer((socket) => {
    socket.write(ok + head);
    endless(socket, head.includes("chunked") ? `8000\r\n${"x".repeat(0x8000)}\r\n` : "x".repeat(0x8000));
  });
  expect(await failure({ url })).toMatchObject({ kind: "garbled", message: "the answer is longer than 64 KiB" });
  await closed;
});

test("a drop at a time is an answer that is late", async () => {
  const { url, closed } = await rawServer((socket) => {
    socket.write(`${ok}content-length: 1000\r\n\r\n`);
    const timer = setInterval(() => socket.write("x"), 20);
    socket.once("close", () => clearInterval(timer));
  });
  expect(await failure({ url, limits: { ms: 300 } })).toMatchObject({
    kind: "late",
    message: "no answer within 0.3 s",
  });
  await closed;
});

test.each([
  ["says nothing", ""],
  ["says that it goes on, for ever", "HTTP/1.1 102 Processing\r\n\r\n"],
])("a server that %s is late", async (_what, text) => {
  const { url } = await rawServer((socket) => {
    const timer = setInterval(() => socket.write(text), 20);
    socket.once("close", () => clearInterval(timer));
  });
  expect(await failure({ url, limits: { ms: 300 } })).toMatchObject({ kind: "late" });
});

test("headers without an end are refused", async () => {
  const { url, closed } = await rawServer((socket) => {
    socket.write(ok);
    endless(socket, `x-more: ${"x".repeat(1000)}\r\n`);
  });
  expect(await failure({ url })).toMatchObject({
    kind: "garbled",
    message: expect.stringContaining("HPE_HEADER_OVERFLOW"),
  });
  await closed;
});

test("a small answer that would unpack to a large one is not unpacked", async () => {
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
  expect(bomb.length).toBeLessThan(64 * 1024);
  let accepted: string | undefined;
  const url = await serveHttp((request, response) => {
    accepted = request.headers["accept-encoding"];
    response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
  });
  expect(await failure({ url })).toMatchObject({ kind: "garbled", message: expect.stringContaining("compressed") });
  expect(accepted).toBe("identity");
});

test.each([
  ["fewer bytes than it said", `${ok}content-length: 100\r\n\r\n{"half":`],
  ["half a chunk", `${ok}transfer-encoding: chunked\r\n\r\n10\r\n{"half":`],
  ["half a head", "HTTP/1.1 200 O"],
  ["nothing", ""],
])("%s is an answer that was cut off", async (_what, text) => {
  const { url } = await rawServer((socket) => socket.end(text));
  expect(await failure({ url })).toMatchObject({ kind: "cut-off" });
});

test.each([
  ["another protocol", "SSH-2.0-OpenSSH_9.9\r\n"],
  ["more bytes than it said", `${ok}content-length: 2\r\nconnection: close\r\n\r\n{}garbage`],
  ["two lengths", `${ok}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
  ["a length that is none", `${ok}content-length: -1\r\n\r\n{}`],
  ["a chunk that is none", `${ok}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
])("%s is no HTTP", async (_what, text) => {
  const { url } = await rawServer((socket) => socket.end(text));
  expect(await failure({ url })).toMatchObject({ kind: expect.stringMatching(/garbled|cut-off/) });
});

test("a connection that was reset, and a port at which nobody listens, say so", async () => {
  const { url } = await rawServer((socket) => socket.resetAndDestroy());
  expect(await failure({ url })).toMatchObject({ kind: "cut-off", code: "ECONNRESET" });
  expect(await failure({ url: await nowhere() })).toMatchObject({ kind: "unconnected", code: "ECONNREFUSED" });
});

test("a switch of protocols that nobody asked for is an answer that was cut off", async () => {
  const { url } = await rawServer((socket) =>
    socket.end("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
  );
  expect(await failure({ url })).toMatchObject({ kind: "cut-off" });
});

test("a redirect is told and not followed, however often it leads in a circle", async () => {
  let asked = 0;
  const url = await serveHttp((_request, response) => {
    asked++;
    response.writeHead(302, { location: "/again" }).end();
  });
  const { status, headers } = await exchange({ ...plain, url, headers: { authorization: "token planted" } });
  expect([status, headers.get("location"), asked]).toEqual([302, "/again", 1]);
});

test.each([
  ["a header with a line end", { headers: { authorization: "token se\r\ncret" } }],
  ["a URL that is none", { url: "forge.example.org" }],
  ["another scheme", { url: "file:///etc/passwd" }],
])("%s is sent nowhere, and not repeated in words", async (_what, changes) => {
  let asked = 0;
  const url = await serveHttp((_request, response) => void response.end(`${++asked}`));
  const error = await failure({ url, ...changes });
  expect([error.kind, asked]).toEqual(["unsent", 0]);
  expect(error.message).not.toContain("cret");
});

test("who cancels ends the call, with the reason of the cancelling", async () => {
  const cancelled = new AbortController();
  const { url, closed } = await rawServer(() => cancelled.abort(new Error("cancelled by the user")));
  await expect(exchange({ ...plain, url, signal: cancelled.signal })).rejects.toThrow("cancelled by the user");
  await closed;
  await expect(exchange({ ...plain, url, signal: cancelled.signal })).rejects.toThrow("cancelled by the user");
});

test.each([
  ["nothing", "", { value: undefined }],
  ["a value", '{"a":["[{\\"[["]}', { value: { a: ['[{"[['] } }],
  ["no JSON", "<html>", { problem: "something other than JSON" }],
  ["no UTF-8", Buffer.from([0x22, 0xff, 0x22]), { problem: "something that is no UTF-8" }],
  ["as deep as may be", "[".repeat(64) + "]".repeat(64), { value: expect.any(Array) }],
  ["deeper", "[".repeat(65) + "]".repeat(65), { problem: "JSON of more than 64 levels" }],
  ["much deeper", "[".repeat(5_000_000), { problem: "JSON of more than 64 levels" }],
  ["a name that is no field of ours", '{"__proto__":{"polluted":1}}', { value: expect.any(Object) }],
])("as JSON: %s", (_what, text, expected) => {
  expect(parseJson(Buffer.from(text as string))).toEqual(expected);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test("a list ends where nothing more comes; one without an end is refused", async () => {
  const rows = Array.from({ length: 25 }, (_, index) => index);
  const page = async (from: number) => ({ rows: rows.slice(from, from + 10), more: from + 10 < 25 });
  const endless = (count: number) => new Error(`${count} and more`);
  expect(await everyRow(page, endless)).toEqual(rows);
  expect(await everyRow(async () => ({ rows: [], more: true }), endless)).toEqual([]);
  await expect(everyRow(async () => ({ rows: [1], more: true }), endless)).rejects.toThrow("2000 and more");
  const full = Array.from({ length: 1000 }, () => 1);
  await expect(everyRow(async () => ({ rows: full, more: true }), endless)).rejects.toThrow("200000 and more");
});

test("what a terminal would obey is shown, not obeyed", () => {
  expect(printable("red \u001b[31m\u009b2J\r\nname\u202egnp.exe\ttab\u0007")).toBe(
    "red \ufffd[31m\ufffd2J\ufffd\nname\ufffdgnp.exe\ttab\ufffd",
  );
});

/** What each client is asked, and how it says what was wrong. */
const signal = new AbortController().signal;
const retry = { attemptMs: 2_000, attempts: 1, pauseMs: 1, totalMs: 2_000 };
const clients = {
  forge: (url: string) =>
    api({ url, token: "planted-token", retry }, "GET", "/version", z.object({ version: z.string() })),
  netbox: (url: string) =>
    new NetboxApi({ url, token: "planted-token", signal, retry }).get("/status/", z.object({ version: z.string() })),
  proxmox: (url: string) =>
    new ProxmoxApi({ endpoint: url, token: "a@b!c=planted-token", insecure: false }, signal, retry).get(
      "/version",
      z.object({ version: z.string() }),
    ),
};

const poisons: [string, string][] = [
  ["a field's reason that is a number", 'HTTP/1.1 400 Bad\r\ncontent-length: 20\r\n\r\n{"errors":{"x": 5 } }'],
  ["errors that are none", 'HTTP/1.1 400 Bad\r\ncontent-length: 15\r\n\r\n{"errors":null}'],
  ["null", "HTTP/1.1 400 Bad\r\ncontent-length: 4\r\n\r\nnull"],
  ["null as a success", `${ok}content-length: 4\r\n\r\nnull`],
  ["data that is null", `${ok}content-length: 13\r\n\r\n{"data":null}`],
  ["escapes", 'HTTP/1.1 403 No\r\ncontent-length: 46\r\n\r\n{"message":"\\u001b[2J","detail":"\\u001b[31mred"}'],
  ["the token", 'HTTP/1.1 403 No\r\ncontent-length: 53\r\n\r\n{"message":"planted-token","detail":"planted-token!!"}'],
  ["deep JSON", `HTTP/1.1 400 Bad\r\nconnection: close\r\n\r\n${"[".repeat(300_000)}`],
];

test.each(
  Object.entries(clients).flatMap(([name, ask]) => poisons.map(([what, text]) => [name, what, ask, text] as const)),
)("%s: %s is one error of that call", async (name, _what, ask, text) => {
  const { url } = await rawServer((socket) => socket.end(text));
  const error = await ask(url).then(
    () => new Error("it was taken"),
    (error: Error) => error,
  );
  expect(error.name).toBe({ forge: "ForgeError", netbox: "NetboxError", proxmox: "ProxmoxError" }[name]);
  expect(error.message).toContain(url);
  const output = error instanceof ForgeError ? error.found : "";
  for (const hidden of ["planted-token", "\u001b"]) expect(error.message + output).not.toContain(hidden);
});

test("NetBox: the next page is computed, and no link of an answer is followed", async () => {
  const asked: string[] = [];
  const stranger = await serveHttp((_request, response) => void response.end(`${asked.push("stranger")}`));
  const url = await serveHttp((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://netbox");
    const offset = Number(searchParams.get("offset"));
    asked.push(`${offset}`);
    const next = offset < 4 ? `${stranger}/api/ipam/?offset=2` : null;
    response.end(JSON.stringify({ count: 6, next, results: [{ id: offset }, { id: offset + 1 }] }));
  });
  const netbox = new NetboxApi({ url, token: "planted-token", signal, retry });
  const row = z.object({ id: z.number() });
  // It gives two a page although more are asked for, as one does whose MAX_PAGE_SIZE is small.
  expect((await netbox.list("/ipam/", row, {}, () => true)).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(asked).toEqual(["0", "2", "4"]);
});

test("NetBox: pages without an end are refused", async () => {
  const results = Array.from({ length: 500 }, () => ({ id: 1 }));
  const body = JSON.stringify({ count: 1e9, next: "http://example.org/", results });
  const url = await serveHttp((_request, response) => void response.end(body));
  const netbox = new NetboxApi({ url, token: "planted-token", signal, retry });
  const list = netbox.list("/ipam/", z.object({ id: z.number() }), {}, () => true);
  await expect(list).rejects.toThrow(/lists \/ipam\/ without an end: 200000 rows, and more/);
});

test("NetBox: a login page that answers a DELETE deleted nothing", async () => {
  const url = await serveHttp((_request, response) => void response.end("<html><title>Log in</title></html>"));
  const netbox = new NetboxApi({ url, token: "planted-token", signal, retry });
  const error = await netbox.send("DELETE", "/ipam/ip-addresses/1/", z.unknown()).catch((error: unknown) => error);
  expect(error).toMatchObject({ ambiguous: true, message: expect.stringContaining("something other than JSON") });
});
