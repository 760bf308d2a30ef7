/**
 * Files that travel between workstation and runner as one stream: packed in memory, and unpacked by whoever asks for each name.
 */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { extract, pack } from "tar-stream";
import { Failure } from "../../toolchain/failure.ts";

/** Files by their path: relative, with `/`. */
export type Files = ReadonlyMap<string, Buffer>;

/** Packs files, each for its owner alone. */
export async function packFiles(files: Files, executable: readonly string[] = []): Promise<Buffer> {
  const archive = pack();
  const packed = buffer(archive.pipe(createGzip({ level: 6 })));
  for (const [name, content] of files) {
    archive.entry({ name, mode: executable.includes(name) ? 0o700 : 0o600 }, content);
  }
  archive.finalize();
  return packed;
}

/**
 * Unpacks regular files; whatever else is in it is left out.
 * @throws where a name leads out of its directory: a runner is believed no more than it has to be.
 */
export async function unpackFiles(archive: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const strange: string[] = [];
  const reader = extract();
  reader.on("entry", (header, stream, next) => {
    const name = header.name.replace(/^\.\//, "");
    const leadsOut = name.startsWith("/") || name.split("/").includes("..");
    if (leadsOut) strange.push(header.name);
    if (header.type !== "file" || leadsOut) {
      stream.resume();
      stream.on("end", next);
      return;
    }
    buffer(stream).then((content) => {
      files.set(name, content);
      next();
    }, next);
  });
  await pipeline(Readable.from([archive]), createGunzip(), reader);
  if (strange.length > 0) throw new Failure(`the runner sent a file with the name ${JSON.stringify(strange[0])}`);
  return files;
}
