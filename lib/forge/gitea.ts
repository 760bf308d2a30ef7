/**
 * Gitea's dialect (1.24 and later): a registration token is minted by POST and used at once in the runner protocol's own
 * Register. No uuid is listed, and nothing but its labels can carry our mark.
 */
import { z } from "zod";
import { api, runnerCall } from "./api.ts";
import { allRows, type ListedRunner, type RunnersApi, rowCalls } from "./dialect.ts";

const pendingPrefix = "holdfast-pending:";

/**
 * Label that a registration carries until its daemon declares the real ones. It names the owner, so that a run that was
 * killed between registering and saving is recognised and cleaned up by the next one.
 */
export function pendingLabel(owner: string): string {
  return `${pendingPrefix}${owner}`;
}

const minted = z.object({ token: z.string().min(1) });
const registered = z.object({
  // The runner protocol writes 64-bit numbers as text.
  runner: z.object({ id: z.coerce.number().int().positive(), uuid: z.string().min(1), token: z.string().min(1) }),
});
const row = z.object({
  id: z.number(),
  name: z.string(),
  status: z.string(),
  labels: z.array(z.object({ name: z.string() })).nullish(),
  ephemeral: z.boolean().optional(),
});
const list = z.object({ runners: z.array(row).nullish(), total_count: z.number() });

/** Runners of a Gitea. */
export const giteaRunners: RunnersApi = {
  async register(forge, place, { name, owner }) {
    const { body } = await api(forge, "POST", `${place}/registration-token`, minted);
    const request = { name, token: body.token, version: "holdfast", labels: [pendingLabel(owner)] };
    const { runner } = await runnerCall(forge, "runner.v1.RunnerService/Register", request, registered);
    return { uuid: runner.uuid, token: runner.token, runnerId: runner.id };
  },

  list: (forge, place) =>
    allRows(async (query) => {
      const { body } = await api(forge, "GET", query ? `${place}?${query}` : place, list);
      return { rows: body.runners ?? [], total: body.total_count };
    }).then((rows) => rows.map(listed)),

  ...rowCalls(row, listed, /^Runner not found$/),
};

type Row = z.infer<typeof row>;

function listed({ id, name, status, labels, ephemeral = false }: Row): ListedRunner {
  const mark = labels?.find((label) => label.name.startsWith(pendingPrefix))?.name;
  return { id, name, status, owner: mark?.slice(pendingPrefix.length), pending: mark !== undefined, ephemeral };
}
