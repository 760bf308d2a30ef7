/**
 * The forge's program, from the toolchain.
 */
import { Failure } from "../lib/failure.ts";
import { ensureToolchain } from "../toolchain/index.ts";
import type { ForgeProgram } from "./forge.ts";

/** Finds, downloads or builds the pinned Gitea. Minutes when it has to be built, milliseconds afterwards. */
export async function ensureGitea(): Promise<ForgeProgram> {
  const toolchain = await ensureToolchain(["gitea"]);
  const binary = toolchain.binary("gitea");
  if (!binary.startsWith("/")) throw new Failure(`the toolchain's gitea has a relative path: ${binary}.`);
  return { binary, staticRoot: toolchain.giteaStaticRoot };
}
