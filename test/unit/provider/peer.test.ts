/**
 * The plugin's port takes no connection of another user. Real sockets and, where the tests run as root, a real process of
 * another user; what other systems tell is given by hand.
 */
import { execFile } from "node:child_process";
import { connect } from "node:net";
import { endianness } from "node:os";
import { promisify } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Peer, peerOf } from "../../../provider/peer.ts";
import { serve } from "../../../provider/server.ts";
import { engineOn } from "../../fixtures/provider-client.fixture.ts";
import { toy, toyType } from "../../fixtures/provider-toys.fixture.ts";

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const linux = process.platform === "linux";

/** A plugin with a toy; what it said of connections, and its port. */
async function plugin(peer?: () => Promise<Peer>) {
  const refusals: string[] = [];
  const refused = (text: string) => void refusals.push(text);
  const toys = toy();
  const port = await serve(toys.catalogue, undefined, { doorkeeper: { refused, ...(peer ? { peerOf: peer } : {}) } });
  return { ...toys, port, refusals };
}

/** What a client gets that speaks first: all bytes until the end, or the error. */
function answerTo(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () =>
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0"),
    );
    onTestFinished(() => void socket.destroy());
    socket.on("data", (part) => {
      text += part;
      socket.end();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

test("the engine, a process of the same user, is served", async () => {
  const { port, refusals, calls } = await plugin();
  await engineOn(port).create(toyType, { name: "bear", size: 1 });
  expect([calls, refusals]).toEqual([["create"], []]);
});

test.skipIf(!isRoot || !linux)("a process of another user gets no byte, and it is said whose it was", async () => {
  const { port, refusals, calls } = await plugin();
  const preface = "printf 'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\0\\0\\0\\4\\0\\0\\0\\0\\0'";
  const talk = `exec 3<>/dev/tcp/127.0.0.1/${port}; ${preface} >&3; timeout 10 cat <&3 | wc -c`;
  const asNobody = ["--reuid", "65534", "--clear-groups", "bash", "-c", talk];
  const { stdout } = await run("setpriv", asNobody, { timeout: 20_000 });
  expect(stdout.trim()).toBe("0");
  expect(refusals).toEqual([
    "a connection to the port of the plugin holdfast was refused: it is of the user with the number 65534, and the plugin and its engine are of 0",
  ]);
  // The engine beside it has noticed nothing.
  await engineOn(port).create(toyType, { name: "bear", size: 1 });
  expect(calls).toEqual(["create"]);
});

test.skipIf(!isRoot || !linux)("nor one that has sent all it wants and is gone before anybody looks", async () => {
  const { port, refusals } = await plugin();
  const talk = `exec 3<>/dev/tcp/127.0.0.1/${port}; echo x >&3; exec 3>&-`;
  await run("setpriv", ["--reuid", "65534", "--clear-groups", "bash", "-c", talk], { timeout: 20_000 });
  await vi.waitFor(() => expect(refusals).toEqual([expect.stringMatching(/whose it was cannot be told|65534/)]));
});

test.each<[Peer, boolean]>([
  ["untold", true],
  ["gone", false],
  [process.getuid?.() ?? 0, true],
  [(process.getuid?.() ?? 0) + 1, false],
])("where the system says %s of the other end: served is %s", async (output, served) => {
  const { port, refusals } = await plugin(async () => output);
  expect((await answerTo(port)).length > 0).toBe(served);
  expect(refusals).toHaveLength(served ? 0 : 1);
});

test("a look that fails is a refusal", async () => {
  const { port, refusals } = await plugin(() => Promise.reject(new Error("out of descriptors")));
  expect(await answerTo(port)).toBe("");
  expect(refusals).toHaveLength(1);
});

const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const word = endianness() === "LE" ? "0100007F" : "7F000001";
const mapped = `${"0".repeat(16)}${endianness() === "LE" ? "FFFF0000" : "0000FFFF"}${word}`;
const row = (local: string, remote: string, state = "01", uid = 1000, inode = 4711) =>
  `   1: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 2 0000 20 0 0 10 -1`;
/** From port 0x9000 of ours to the plugin at 0x8000, seen from the plugin. */
const connection = { remoteAddress: "127.0.0.1", remotePort: 0x9000, localAddress: "127.0.0.1", localPort: 0x8000 };

test.each<[string, string[], Peer]>([
  ["a row of IPv4", [row(`${word}:9000`, `${word}:8000`)], 1000],
  ["a row of IPv6", [row(`${mapped}:9000`, `${mapped}:8000`)], 1000],
  ["only the plugin's own end", [row(`${word}:8000`, `${word}:9000`, "01", 0)], "gone"],
  ["another connection", [row(`${word}:9001`, `${word}:8000`)], "gone"],
  ["a socket that nobody holds", [row(`${word}:9000`, `${word}:8000`, "01", 0, 0)], "gone"],
  ["one that waits for its end", [row(`${word}:9000`, `${word}:8000`, "06", 0, 0)], "gone"],
  ["one that says no more", [row(`${word}:9000`, `${word}:8000`, "05", 1000)], "gone"],
  ["nothing", [], "gone"],
  ["no sense", ["\0\0", "   1: x"], "gone"],
])("the kernel's table with %s", async (_what, rows, expected) => {
  expect(await peerOf(connection, (path) => (path.endsWith("tcp") ? [head, ...rows].join("\n") : head))).toBe(expected);
});

test("a system without the tables does not tell; one without IPv6 does", async () => {
  expect(await peerOf(connection, () => undefined)).toBe("untold");
  const text = [head, row(`${word}:9000`, `${word}:8000`)].join("\n");
  expect(await peerOf(connection, (path) => (path.endsWith("tcp") ? text : undefined))).toBe(1000);
});

test.skipIf(!linux)("twenty connections at once are each found", async () => {
  const { port } = await plugin();
  const answers = await Promise.all(Array.from({ length: 20 }, () => answerTo(port)));
  expect(answers.every((text) => text.length > 0)).toBe(true);
});
