/**
 * Forgejo's dialect (15 and later): one POST makes a row and shows its token once; names are not unique, and every POST
 * makes another row. The description carries our mark for as long as the row lives.
 */
import { z } from "zod";
import { api } from "./api.ts";
import { allRows, type ListedRunner, type RunnersApi, rowCalls } from "./dialect.ts";

const descriptionPrefix = "Made by holdfast for ";

/** The owner mark as the description of a runner. */
export function runnerDescription(owner: string): string {
  return `${descriptionPrefix}${owner}`;
}

const created = z.object({ id: z.number().int().positive(), uuid: z.string().min(1), token: z.string().min(1) });
const row = z.object({
  id: z.number(),
  uuid: z.string(),
  owner_id: z.number(),
  repo_id: z.number(),
  name: z.string(),
  status: z.string(),
  version: z.string(),
  labels: z.array(z.string()).nullish(),
  description: z.string(),
  ephemeral: z.boolean(),
});
const list = z.array(row).nullable();

/** Runners of a Forgejo. */
export const forgejoRunners: RunnersApi = {
  async register(forge, place, { name, owner }) {
    const wish = { name, description: runnerDescription(owner), ephemeral: false };
    const { body } = await api(forge, "POST", place, created, wish);
    return { uuid: body.uuid, token: body.token, runnerId: body.id };
  },

  list: (forge, place) =>
    allRows(async (query) => {
      const wanted = `${place}?visible=true${query ? `&${query}` : ""}`;
      const { body, headers } = await api(forge, "GET", wanted, list);
      const total = headers.get("x-total-count");
      return { rows: body ?? [], ...(total ? { total: Number(total) } : {}) };
    }).then((rows) => rows.filter((row) => belongs(row, place)).map(listed)),

  ...rowCalls(row, listed, /^runner with ID \d+: resource does not exist$/),
};

type Row = z.infer<typeof row>;

/**
 * `visible` gives the runners of wider and, to an administrator, of narrower scopes too. Those are nobody's namesakes: any
 * user of the forge may name a runner of their own as ours is named.
 */
function belongs(row: Row, place: string): boolean {
  if (place.startsWith("/admin/")) return row.owner_id === 0 && row.repo_id === 0;
  return place.startsWith("/repos/") ? row.repo_id !== 0 : row.owner_id !== 0 && row.repo_id === 0;
}

function listed({ id, uuid, name, status, version, labels, description, ephemeral }: Row): ListedRunner {
  const owner = description.startsWith(descriptionPrefix) ? description.slice(descriptionPrefix.length) : undefined;
  // The command line leaves one empty label where it was given none.
  const declared = version !== "" || (labels ?? []).some((label) => label !== "");
  return { id, uuid, name, status, owner, pending: !declared, ephemeral };
}
