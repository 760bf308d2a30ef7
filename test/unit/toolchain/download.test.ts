import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterEach, expect, test, vi } from "vitest";
import { downloaded } from "../../../toolchain/download.ts";
import { readZipEntry } from "../../../toolchain/unzip.ts";
import { zip } from "../../fixtures/toolchain-zip.fixture.ts";

const archive = {
  url: "https://publisher.invalid/tool-1.0.tar.gz",
  checksums: "https://publisher.invalid/tool-1.0.sums",
};
const content = Buffer.from("the tool");
const sha256 = createHash("sha256").update(content).digest("hex");
const sha512 = createHash("sha512").update(content).digest("hex");
const servers: Server[] = [];

/** Serves on the loopback interface and makes that the mirror. */
async function mirror(answer: RequestListener): Promise<void> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("HOLDFAST_TOOLCHAIN_DOWNLOADS", `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

function serving(checksums: string): RequestListener {
  return (request, response) => {
    if (request.url === "/tool-1.0.sums") return response.end(checksums);
    if (request.url === "/tool-1.0.tar.gz") return response.end(content);
    response.writeHead(404).end();
  };
}

/** Tries the way, and returns what it says and where it put the file. */
async function attempt(limits = {}) {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-download-"));
  const unpack = async (file: string, into: string) => renameSync(file, join(into, "tool"));
  return { directory, outcome: await downloaded(archive, unpack, limits).make(directory) };
}

afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

test.each([
  ["SHA-256", `0000  other.tar.gz\n${sha256}  tool-1.0.tar.gz\n`],
  ["SHA-512", `${sha512} *tool-1.0.tar.gz\n`],
])("an archive with the published %s is used", async (_name, checksums) => {
  await mirror(serving(checksums));
  const { directory, outcome } = await attempt();
  expect(outcome).toMatchObject({ made: true });
  expect(readFileSync(join(directory, "tool"))).toEqual(content);
});

test("an archive with another checksum is refused, with both checksums", async () => {
  const other = createHash("sha256").update("something else").digest("hex");
  await mirror(serving(`${other}  tool-1.0.tar.gz\n`));
  const { outcome } = await attempt();
  expect(outcome).toMatchObject({ made: false, why: expect.stringContaining(sha256) });
  expect(outcome).toMatchObject({ why: expect.stringContaining(other) });
});

test("an archive without a published checksum is refused", async () => {
  await mirror(serving(`${sha256}  tool-2.0.tar.gz\n`));
  expect((await attempt()).outcome).toMatchObject({
    made: false,
    why: expect.stringContaining("no checksum for tool-1.0.tar.gz"),
  });
});

test("a file that is not there is a reason to go on", async () => {
  await mirror((_request, response) => response.writeHead(404).end());
  expect((await attempt()).outcome).toMatchObject({ made: false, why: expect.stringContaining("answers 404") });
});

test("a refused connection is a reason to go on", async () => {
  await mirror(serving(""));
  await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
  expect((await attempt()).outcome).toMatchObject({ made: false, why: expect.stringContaining("ECONNREFUSED") });
});

test("a host that never answers is waited for once", async () => {
  let requests = 0;
  await mirror(() => {
    requests += 1;
  });
  expect((await attempt({ answerMs: 50 })).outcome).toMatchObject({
    made: false,
    why: expect.stringContaining("50 ms"),
  });
  expect((await attempt({ answerMs: 50 })).outcome).toMatchObject({ made: false });
  expect(requests).toBe(1);
});

test("an archive that stalls half-way is given up", async () => {
  await mirror((request, response) => {
    if (request.url === "/tool-1.0.sums") return response.end(`${sha256}  tool-1.0.tar.gz\n`);
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, 3));
  });
  // The checksums have to come within the same time.
  expect((await attempt({ idleMs: 2_000 })).outcome).toMatchObject({
    made: false,
    why: expect.stringContaining("stalled for 2000 ms"),
  });
});

test("an archive that breaks off is refused", async () => {
  await mirror((request, response) => {
    if (request.url === "/tool-1.0.sums") return response.end(`${sha256}  tool-1.0.tar.gz\n`);
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, 3), () => response.destroy());
  });
  expect((await attempt()).outcome).toMatchObject({ made: false, why: expect.stringContaining("broke off") });
});

test.each([
  ["an archive", "/tool-1.0.tar.gz", /broke off: it is longer than 100000 bytes/],
  ["a list of checksums", "/tool-1.0.sums", /broke off: it is longer than 1048576 bytes/],
])("%s without an end is given up", async (_what, path, why) => {
  const good = serving(`${sha256}  tool-1.0.tar.gz\n`);
  await mirror((request, response) => {
    if (request.url !== path) return good(request, response);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(0x4000)));
    };
    response.on("drain", more);
    more();
  });
  expect((await attempt({ bytes: 100_000 })).outcome).toMatchObject({ made: false, why: expect.stringMatching(why) });
});

test("downloads can be switched off", async () => {
  vi.stubEnv("HOLDFAST_TOOLCHAIN_DOWNLOADS", "off");
  expect((await attempt()).outcome).toMatchObject({ made: false, why: expect.stringContaining("off") });
});

test.each([
  ["stored", 0, content],
  ["deflated", 8, deflateRawSync(content)],
])("a %s file is read from a zip archive", (_name, method, packed) => {
  const path = join(mkdtempSync(join(tmpdir(), "holdfast-zip-")), "a.zip");
  writeFileSync(path, zip("tool", method, packed));
  expect(readZipEntry(path, "tool")).toEqual(content);
  expect(() => readZipEntry(path, "else")).toThrow("contains no else");
});
