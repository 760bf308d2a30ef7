/**
 * Pinned downloads: only the expected digest is ever kept, and nothing is left behind by anything else. Files and loopback
 * only; that a real vendor serves its images is not proven here.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fetchPinned, pinnedPath } from "../../../lib/download.ts";
import { serveHttp } from "../../fixtures/loopback.fixture.ts";

const content = Buffer.from("an image ".repeat(50_000));
const sha256 = createHash("sha256").update(content).digest("hex");
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-pinned-"));
  vi.stubEnv("HOLDFAST_CACHE", join(directory, "cache"));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Serves the image, or what else is said, and gives its URL. */
async function serving(answer: RequestListener): Promise<string> {
  return `${await serveHttp(answer)}/image.qcow2`;
}

/** Everything in the cache. */
function kept(): string[] {
  return readdirSync(join(directory, "cache/downloads"));
}

test("a file with the expected digest is kept under its digest, for its owner alone", async () => {
  const url = await serving((_request, response) => response.end(content));
  const path = await fetchPinned({ url, sha256 }, ".qcow2");
  expect(path).toBe(pinnedPath({ url: "https://elsewhere.invalid/", sha256 }, ".qcow2"));
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(kept()).toEqual([`${sha256}.qcow2`]);
});

test("what is there already is not asked for again", async () => {
  let requests = 0;
  const url = await serving((_request, response) => {
    requests++;
    response.end(content);
  });
  await fetchPinned({ url, sha256 }, ".qcow2");
  await fetchPinned({ url: "http://127.0.0.1:1/gone", sha256 }, ".qcow2");
  expect(requests).toBe(1);
});

test("a file without an end is given up at the bound, and nothing of it is kept", async () => {
  const url = await serving((_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write(content));
    };
    response.on("drain", more);
    more();
  });
  await expect(fetchPinned({ url, sha256 }, ".qcow2", 1_000_000)).rejects.toThrow("is longer than 1000000 bytes");
  expect(kept()).toEqual([]);
});

test("two fetches of one file at a time both succeed", async () => {
  const url = await serving((_request, response) => response.end(content));
  const [one, other] = await Promise.all([fetchPinned({ url, sha256 }, ""), fetchPinned({ url, sha256 }, "")]);
  expect(one).toBe(other);
  expect(readFileSync(one).equals(content)).toBe(true);
  expect(kept()).toEqual([sha256]);
});

test("another digest is refused with both digests, and leaves nothing", async () => {
  const url = await serving((_request, response) => response.end(content));
  const wrong = "0".repeat(64);
  await expect(fetchPinned({ url, sha256: wrong }, "")).rejects.toThrow(
    `${url} has SHA-256 ${sha256}, expected ${wrong}`,
  );
  expect(kept()).toEqual([]);
});

test("a file that the server does not have is an error with its status, and leaves nothing", async () => {
  const url = await serving((_request, response) => response.writeHead(404).end("not found"));
  await expect(fetchPinned({ url, sha256 }, "")).rejects.toThrow(`cannot download ${url}: the server answered 404`);
  expect(kept()).toEqual([]);
});

test("a server that is not there is named with the reason", async () => {
  await expect(fetchPinned({ url: "http://127.0.0.1:1/x", sha256 }, "")).rejects.toThrow(
    "cannot download http://127.0.0.1:1/x: ",
  );
  expect(kept()).toEqual([]);
});

test("a transfer that breaks off leaves nothing", async () => {
  const url = await serving((_request, response) => {
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, 1000), () => response.destroy());
  });
  await expect(fetchPinned({ url, sha256 }, "")).rejects.toThrow();
  expect(kept()).toEqual([]);
});

test("a file on this machine is checked like any other", async () => {
  const file = join(directory, "local image.qcow2");
  writeFileSync(file, content);
  const url = pathToFileURL(file).href;
  expect(readFileSync(await fetchPinned({ url, sha256 }, "")).equals(content)).toBe(true);
  await expect(fetchPinned({ url, sha256: "1".repeat(64) }, "")).rejects.toThrow("expected 1111");
  await expect(fetchPinned({ url: "file:///nowhere/image", sha256: "2".repeat(64) }, "")).rejects.toThrow(
    "/nowhere/image",
  );
  expect(kept()).toEqual([sha256]);
});
