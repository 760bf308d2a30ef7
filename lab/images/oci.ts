/**
 * A container image as registries and docker know it (OCI): a layer, a configuration, and a manifest that names both by
 * digest. Made like the official runner's: no entry point, user 1000 without a name, `/data` as its home.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** A file that a registry knows by its digest. */
export interface Blob {
  path: string;
  /** `sha256:` and 64 hex digits. */
  digest: string;
  mediaType: string;
}

/** An image that is ready to be pushed. */
export interface ContainerImage {
  manifest: Blob;
  /** Everything that the manifest names; a registry wants them first. */
  blobs: Blob[];
}

/** A reference from the manifest to a file. */
interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

const types = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;
const files = { manifest: "manifest.json", config: "config.json", layer: "layer.tar.gz" } as const;

/** Makes an image of the `layer.tar` in a directory, beside it. The same layer gives the same digest. */
export async function packImage(directory: string): Promise<void> {
  const tar = join(directory, "layer.tar");
  const [plain, packed] = [measure(), measure()];
  const layer = createWriteStream(join(directory, files.layer));
  await pipeline(createReadStream(tar), plain.stream, createGzip(), packed.stream, layer);
  rmSync(tar);
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: {
      User: "1000:1000",
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/data"],
      Cmd: ["/bin/forgejo-runner"],
      Volumes: { "/data": {} },
      WorkingDir: "/data",
      Labels: { "org.opencontainers.image.description": "holdfast's lab: a stand-in for the runner of Forgejo" },
    },
    rootfs: { type: "layers", diff_ids: [plain.digest()] },
    history: [{ created: "1970-01-01T00:00:00Z", created_by: "lab/images/runner.sh" }],
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: digestOf(config), size: config.length } satisfies Descriptor,
    layers: [{ mediaType: types.layer, digest: packed.digest(), size: packed.size() } satisfies Descriptor],
  };
  writeFileSync(join(directory, files.config), config);
  writeFileSync(join(directory, files.manifest), JSON.stringify(manifest));
}

/** Reads what `packImage` made. */
export function packedImage(directory: string): ContainerImage {
  const path = join(directory, files.manifest);
  const text = readFileSync(path, "utf8");
  const { config, layers } = JSON.parse(text) as { config: Descriptor; layers: [Descriptor] };
  const blob = (name: string, { digest, mediaType }: Descriptor) => ({
    path: join(directory, name),
    digest,
    mediaType,
  });
  return {
    manifest: { path, digest: digestOf(text), mediaType: types.manifest },
    blobs: [blob(files.layer, layers[0]), blob(files.config, config)],
  };
}

function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** A stream that lets everything through and knows its digest and size in the end. */
function measure() {
  const hash = createHash("sha256");
  let size = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, digest: () => `sha256:${hash.digest("hex")}`, size: () => size };
}
