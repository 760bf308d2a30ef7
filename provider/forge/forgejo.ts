/**
 * Forgejo's dialect (15 and later): one POST makes a row and shows its token once; names are not unique, and every POST
 * makes another row. The description carries our mark for as long as the row lives.
 */
import { z } from "zod";
import { allPages, deleteRow, type ListedRunner, type RunnersApi } from "./dialect.ts";
import { api } from "./http.ts";

const descriptionPrefix = "Made by holdfast for ";

/** The owner mark as the description of a runner. */
export function runnerDescription(owner: string): string {
  return `${descriptionPrefix}${owner}`;
}

const created = z.object({ id: z.number().int().positive(), uuid: z.string().min(1), token: z.string().min(1) });
const list = z
  .array(
    z.object({
      id: z.number(),
      uuid: z.string(),
      owner_id: z.number(),
      repo_id: z.number(),
      name: z.string(),
      status: z.string(),
      version: z.string(),
      labels: z.array(z.string()).nullish(),
      description: z.string(),
    }),
  )
  .nullable();

/** Runners of a Forgejo. */
export const forgejoRunners: RunnersApi = {
  async register(forge, place, { name, owner }) {
    const wish = { name, description: runnerDescription(owner), ephemeral: false };
    const { body } = await api(forge, "POST", place, created, wish);
    return { uuid: body.uuid, token: body.token, runnerId: body.id };
  },

  list: (forge, place) =>
    allPages(async (query) => {
      const { body, headers } = await api(forge, "GET", `${place}?visible=true&${query}`, list);
      const rows = body ?? [];
      const total = headers.get("x-total-count");
      return { rows, ...(total ? { total: Number(total) } : {}) };
    }).then((rows) => rows.filter((row) => belongs(row, place)).map(listed)),

  delete: deleteRow,
};

type Row = NonNullable<z.infer<typeof list>>[number];

/**
 * `visible` gives the runners of wider and, to an administrator, of narrower scopes too. Those are nobody's namesakes: any
 * user of the forge may name a runner of their own as ours is named.
 */
function belongs(row: Row, place: string): boolean {
  if (place.startsWith("/admin/")) return row.owner_id === 0 && row.repo_id === 0;
  return place.startsWith("/repos/") ? row.repo_id !== 0 : row.owner_id !== 0 && row.repo_id === 0;
}

function listed({ id, uuid, name, status, version, labels, description }: Row): ListedRunner {
  const owner = description.startsWith(descriptionPrefix) ? description.slice(descriptionPrefix.length) : undefined;
  return { id, uuid, name, status, owner, pending: version === "" && (labels ?? []).length === 0 };
}
