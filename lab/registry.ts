/**
 * The forge's container registry: the lab's images are pushed there from the workstation, so that a VM can pull them as it
 * would pull the official ones, by digest or tag and without a login.
 */
import { readFileSync } from "node:fs";
import { Failure } from "../lib/failure.ts";
import { step } from "../lib/progress.ts";
import { ensureContainerImage } from "./images/images.ts";
import type { Blob, ContainerImage, ImageName } from "./images/oci.ts";
import type { Site } from "./site.ts";

/** What the images are called in the registry. */
const repositories: Record<ImageName, string> = { job: "job", runner: "forgejo-runner" };
const tag = "stand-in";

/**
 * Makes sure that the forge has an image, and gives the reference to pull it by: name, tag and digest, as the product's own
 * default. The tag is for the reader, docker goes by the digest. What is there is not pushed again.
 */
export async function pushImage(site: Forge, which: ImageName): Promise<string> {
  const image = await ensureContainerImage(which);
  const name = `${site.forge.adminUser}/${repositories[which]}`;
  const manifest = `${name}/manifests/${image.manifest.digest}`;
  if (!(await isThere(site, manifest))) await step(`Pushing the image ${name}`, () => push(site, name, image));
  return `${new URL(site.forge.url).host}/${name}:${tag}@${image.manifest.digest}`;
}

type Forge = Pick<Site, "workstation" | "forge">;

async function push(site: Forge, name: string, image: ContainerImage): Promise<void> {
  for (const blob of image.blobs) {
    if (await isThere(site, `${name}/blobs/${blob.digest}`)) continue;
    await upload(site, "POST", `${name}/blobs/uploads/?digest=${blob.digest}`, blob, "application/octet-stream");
  }
  const { manifest } = image;
  // By its tag too, for whoever asks for that alone.
  for (const reference of [manifest.digest, tag])
    await upload(site, "PUT", `${name}/manifests/${reference}`, manifest, manifest.mediaType);
}

async function isThere(site: Forge, path: string): Promise<boolean> {
  const status = await request(site, path, ["head"]);
  if (status !== 200 && status !== 404) throw unexpected(`looking for ${path}`, status);
  return status === 200;
}

async function upload(site: Forge, method: string, path: string, { path: file }: Blob, type: string): Promise<void> {
  const content = [`data-binary = "@${file}"`, `header = "Content-Type: ${type}"`];
  const status = await request(site, path, [`request = "${method}"`, ...content]);
  if (status !== 201) throw unexpected(`uploading ${path}`, status);
}

/** Status of a request to the registry, 0 without an answer. The token travels by standard input. */
async function request({ workstation, forge }: Forge, path: string, options: string[]): Promise<number> {
  const token = readFileSync(forge.tokenFile, "utf8").trim();
  const config = [
    `url = "${forge.url}/v2/${path}"`,
    `user = "${forge.adminUser}:${token}"`,
    'write-out = "%{http_code}"',
    'output = "/dev/null"',
    "max-time = 120",
    ...options,
  ];
  const { stdout } = await workstation.run("curl", ["--silent", "--config", "-"], {
    input: `${config.join("\n")}\n`,
    check: false,
  });
  return Number(stdout);
}

function unexpected(what: string, status: number): Failure {
  return new Failure(`${what}: the lab's forge answered ${status || "nothing"}.`, "look at the forge's gitea.log");
}
