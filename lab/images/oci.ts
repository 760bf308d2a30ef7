/**
 * The lab's container images as registries and docker know them (OCI): layers, a configuration, and a manifest that names
 * all of it by digest.
 */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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
  layer: "application/vnd.oci.image.layer.v1.tar+zstd",
} as const;
const searchPath = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];

/** The lab's container images: what each consists of, lowest layer first, and how it is run. */
const images = {
  /** What jobs run in: as root, with Node.js, as images for jobs are. */
  job: {
    layers: ["base"],
    config: { Cmd: ["/bin/bash"] },
    about: "what jobs run in",
  },
  /** Like the official runner's: no entry point, user 1000 without a name, `/data` as its home. */
  runner: {
    layers: ["base", "runner"],
    config: {
      User: "1000:1000",
      Env: [...searchPath, "HOME=/data"],
      Cmd: ["/bin/forgejo-runner"],
      Volumes: { "/data": {} },
      WorkingDir: "/data",
    },
    about: "a stand-in for the runner of Forgejo",
  },
} as const;

/** Names of the lab's container images. */
export type ImageName = keyof typeof images;

/** Makes the images of the layers (`NAME.tar`) in a directory, beside them. The same layers give the same digests. */
export async function packImages(directory: string): Promise<void> {
  const packed = new Map<string, { diffId: string; descriptor: Descriptor }>();
  for (const layer of new Set(Object.values(images).flatMap(({ layers }) => layers)))
    packed.set(layer, await measureLayer(directory, layer));
  for (const [name, { layers, config: run, about }] of Object.entries(images)) {
    const own = layers.flatMap((layer) => packed.get(layer) ?? []);
    const labels = { "org.opencontainers.image.description": `holdfast's lab: ${about}` };
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Env: searchPath, ...run, Labels: labels },
      rootfs: { type: "layers", diff_ids: own.map(({ diffId }) => diffId) },
      history: layers.map((layer) => ({
        created: "1970-01-01T00:00:00Z",
        created_by: `lab/images/containers.sh: ${layer}`,
      })),
    });
    const manifest = {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { mediaType: types.config, digest: digestOf(config), size: config.length } satisfies Descriptor,
      layers: own.map(({ descriptor }) => descriptor),
    };
    writeFileSync(join(directory, `${name}.config.json`), config);
    writeFileSync(join(directory, `${name}.manifest.json`), JSON.stringify(manifest));
  }
}

/** Measures a layer as it is and as it is packed, and removes what it was packed from. */
async function measureLayer(directory: string, name: string): Promise<{ diffId: string; descriptor: Descriptor }> {
  const tar = join(directory, `${name}.tar`);
  const [plain, packed] = [await measure(tar), await measure(`${tar}.zst`)];
  rmSync(tar);
  return { diffId: plain.digest, descriptor: { mediaType: types.layer, ...packed } };
}

/** Reads what `packImages` made. */
export function packedImage(directory: string, name: ImageName): ContainerImage {
  const path = join(directory, `${name}.manifest.json`);
  const text = readFileSync(path, "utf8");
  const { config, layers } = JSON.parse(text) as { config: Descriptor; layers: Descriptor[] };
  const blob = (file: string, { digest, mediaType }: Descriptor) => ({
    path: join(directory, file),
    digest,
    mediaType,
  });
  return {
    manifest: { path, digest: digestOf(text), mediaType: types.manifest },
    blobs: [
      ...images[name].layers.map((layer, index) => blob(`${layer}.tar.zst`, layers[index] as Descriptor)),
      blob(`${name}.config.json`, config),
    ],
  };
}

function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

async function measure(path: string): Promise<{ digest: string; size: number }> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { digest: `sha256:${hash.digest("hex")}`, size: statSync(path).size };
}
