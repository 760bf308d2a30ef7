/**
 * Whether a forge runs Actions at all. Where they are disabled for the whole instance, runners are registered as ever, for
 * an administrator or an organisation and on the command line, and none of them ever gets to work.
 */
import { z } from "zod";
import { type ForgeAccess, runnerCall } from "./api.ts";
import { ForgeError } from "./errors.ts";

/**
 * Asks the runner protocol for a sign of life, which changes nothing and needs no token, on a closed forge neither.
 * @throws ForgeError when it cannot be told.
 */
export async function actionsEnabled(forge: ForgeAccess): Promise<boolean> {
  try {
    await runnerCall(forge, "ping.v1.PingService/Ping", { data: "holdfast" }, z.object({ data: z.string() }));
    return true;
  } catch (error) {
    if (error instanceof ForgeError && error.status === 404 && error.words.plain === "Not found.") return false;
    throw error;
  }
}

/** Says of a forge that it runs no Actions, and how it does. */
export function actionsDisabled(url: string): ForgeError {
  return new ForgeError(
    "refused",
    `Actions are disabled on ${url}: it takes registrations, and gives no runner anything to do`,
    "set ENABLED = true in the section [actions] of the forge's app.ini, and restart it",
  );
}

/** Does something of which a 404 may mean that Actions are disabled, and says so then. */
export async function knowingActions<T>(forge: ForgeAccess, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ForgeError) || error.status !== 404) throw error;
    const enabled = await actionsEnabled(forge).catch(() => true);
    throw enabled ? error : actionsDisabled(forge.url);
  }
}
