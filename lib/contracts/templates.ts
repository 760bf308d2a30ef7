/**
 * `templates@1`: the templates of a cluster by key, as one stack made them. No credentials in it.
 */
import { z } from "zod";
import type { Contract } from "./contract.ts";

const template = z.strictObject({
  /** Proxmox VE's id of the template. */
  vmId: z.int().min(100),
  /** Its name there. */
  name: z.string().min(1),
  /** Node that carries it. */
  node: z.string().min(1),
  /** Of the image that it was made of: `sha256:` or `sha512:` and hexadecimal digits. */
  digest: z.string().regex(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, "expected sha256:… or sha512:…"),
  /** Snippet with the vendor data of its clones, which who gives them user data of his own has to give, too. */
  vendorDataFileId: z
    .string()
    .regex(/^[\w.-]+:snippets\/[\w.-]+$/, "expected storage:snippets/file")
    .optional(),
});

const templates = z.strictObject({
  contract: z.literal("templates@1"),
  /** By template key, for example `ubuntu-24.04`. */
  templates: z.record(z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, "expected a template key"), template),
});

/** Templates as the contract carries them. */
export type Templates = z.infer<typeof templates>;

export const templatesContract: Contract<typeof templates> = {
  version: "templates@1",
  output: "templates",
  producer: "template-image",
  schema: templates,
};
