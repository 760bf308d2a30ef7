/**
 * Container images on a runner's VM: pulled before anything needs them, and a tag looked up once.
 */

import type { PlannedImage } from "../../components/runner/plan.ts";
import { isPinned, pinnedReference } from "../../lib/container-image.ts";
import { shellQuote } from "../../lib/shell.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";

/** 400 MB over a line of two megabits a second. */
const pullSeconds = 1800;

/**
 * Makes sure that the VM has an image, so that neither the runner nor its first job waits for it. What a tag means is asked
 * of the registry once: what it meant then is what it goes by from then on.
 * @returns its reference by digest.
 */
export async function ensureImage(
  vm: SshConnection,
  planned: PlannedImage,
  say: (text: string) => void,
): Promise<string> {
  const { image } = planned;
  if (!isPinned(image) || (await vm.run(planned.present)).code !== 0) {
    say(`pulling ${image} on ${vm.target.host}`);
    await pull(vm, planned);
  }
  if (isPinned(image)) return image;
  const listed = await vm.must(`docker image inspect --format '{{join .RepoDigests "\\n"}}' ${shellQuote(image)}`);
  const pinned = pinnedReference(image, listed.trim().split("\n"));
  if (!pinned)
    throw new Error(`docker does not say by which digest it has ${image}: set ${planned.key} to name@sha256:…`);
  return pinned;
}

/** A pull that runs out of time goes on in the VM: docker's client there does not notice. */
async function pull(vm: SshConnection, { image, key, pull }: PlannedImage): Promise<void> {
  try {
    await vm.must(pull, { timeoutSeconds: pullSeconds });
  } catch (error) {
    throw new Error(
      `${image} could not be pulled: ${(error as Error).message}\nSee there how far \`docker pull ${image}\` gets, then run \`pulumi up\` again; ${key} may name a registry that is nearer`,
      { cause: error },
    );
  }
}
