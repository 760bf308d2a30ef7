/**
 * The operating systems that templates are made of, and where their vendors publish the digests of their cloud images. No
 * digest is built in: one that nobody compared with the vendor's would only look like a check.
 */

/** An operating system. */
export interface CloudImage {
  /** The vendor's folder with the newest release: images and their digests. */
  readonly folder: string;
  /** File with the digests, in that folder and beside every dated release. */
  readonly digests: string;
  /** The image to take. */
  readonly file: string;
  /** How the vendor digests it. */
  readonly algorithm: "sha256" | "sha512";
}

const rocky = (major: number): CloudImage => {
  const file = `Rocky-${major}-GenericCloud-Base.latest.x86_64.qcow2`;
  const folder = `https://dl.rockylinux.org/pub/rocky/${major}/images/x86_64`;
  return { folder, file, digests: `${file}.CHECKSUM`, algorithm: "sha256" };
};
const ubuntu = (release: string): CloudImage => ({
  folder: `https://cloud-images.ubuntu.com/releases/${release}/release`,
  file: `ubuntu-${release}-server-cloudimg-amd64.img`,
  digests: "SHA256SUMS",
  algorithm: "sha256",
});

/** By template key. */
export const cloudImages = {
  "debian-12": {
    folder: "https://cloud.debian.org/images/cloud/bookworm/latest",
    file: "debian-12-generic-amd64.qcow2",
    digests: "SHA512SUMS",
    algorithm: "sha512",
  },
  "rocky-10": rocky(10),
  "rocky-9": rocky(9),
  "ubuntu-22.04": ubuntu("22.04"),
  "ubuntu-24.04": ubuntu("24.04"),
} as const satisfies Record<string, CloudImage>;

/** Names an operating system. */
export type TemplateKey = keyof typeof cloudImages;

/** Every key, sorted. */
export const templateKeys = Object.keys(cloudImages).sort() as TemplateKey[];

export function isTemplateKey(text: string): text is TemplateKey {
  return Object.hasOwn(cloudImages, text);
}

/** Where to look up what a template's `url` and digest have to be. */
export function whereToLook(key: TemplateKey): string {
  const { folder, file, digests, algorithm } = cloudImages[key];
  return `the vendor publishes ${file} and its ${algorithm} in ${folder}/${digests}; take a dated release beside it, whose file never changes`;
}
