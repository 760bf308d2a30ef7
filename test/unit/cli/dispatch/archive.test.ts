/**
 * What is taken of a runner's archive: regular files under plain names, and no more than a job leaves.
 */
import { gzipSync } from "node:zlib";
import { type Pack, pack } from "tar-stream";
import { expect, test } from "vitest";
import { packFiles, unpackFiles } from "../../../../cli/dispatch/tarball.ts";

/** An archive of entries as a runner may make them. */
async function archived(...entries: [Parameters<Pack["entry"]>[0], string?][]): Promise<Buffer> {
  const archive = pack();
  for (const [header, content] of entries) archive.entry(header as { name: string }, content ?? "");
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

test("of a runner's archive regular files under plain names are taken, and everything else is named", async () => {
  const files = new Map([["a/b", Buffer.from([0, 255])]]);
  expect(await unpackFiles(await packFiles(files))).toEqual({ files, directories: new Set(), refused: [] });
  const strange = ["../../.bashrc", "/etc/passwd", "a/../../b", "a//b", "a/./b", "a\nb", "a\\b", "x".repeat(600), "./"];
  const found = await unpackFiles(
    await archived(
      [{ name: "./good" }, "1"],
      [{ name: "place/", type: "directory" }],
      ...strange.map((name): [{ name: string }, string] => [{ name }, "evil"]),
      [{ name: "link", type: "symlink", linkname: "/etc/passwd" }],
      [{ name: "hard", type: "link", linkname: "good" }],
      [{ name: "null", type: "character-device" }],
      [{ name: "fifo", type: "fifo" }],
      [{ name: "good" }, "2"],
      [{ name: "good", type: "directory" }],
      [{ name: "large" }, "12345"],
    ),
    { fileBytes: 4, totalBytes: 1 << 20, entries: 100 },
  );
  expect([...found.files].map(([name, content]) => `${name}=${content}`)).toEqual(["good=1"]);
  expect([...found.directories]).toEqual(["place"]);
  expect(found.refused.map(({ name }) => name)).toEqual([
    ...strange.map((name) => name.slice(0, 300)),
    ...["link", "hard", "null", "fifo", "good", "good", "large"],
  ]);
});

test("no more is taken from a runner than a job leaves", async () => {
  const bounds = { fileBytes: 1 << 20, totalBytes: 4096, entries: 2 };
  const refusal = /^the runner sent more than .*, which no job leaves; nothing was brought home/;
  await expect(unpackFiles(await archived([{ name: "a" }, "x".repeat(8192)]), bounds)).rejects.toThrow(refusal);
  await expect(
    unpackFiles(await archived([{ name: "a" }], [{ name: "b" }], [{ name: "c" }]), { ...bounds, totalBytes: 1 << 20 }),
  ).rejects.toThrow(refusal);
  await expect(unpackFiles(Buffer.from("none"))).rejects.toThrow("what the runner sent is no archive");
});
