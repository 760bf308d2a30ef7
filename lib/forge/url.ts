/**
 * Finds a forge's base URL when only its address is known: by asking, never by guessing.
 */
import { z } from "zod";
import { exchange } from "../http/exchange.ts";
import { HttpFailure } from "../http/failure.ts";
import { parseJson } from "../http/json.ts";
import { urlHost } from "../network/address.ts";
import { ProgramError } from "../program-error.ts";

const boundMs = 5_000;
/** Nobody is known yet to be a forge: whoever answers is read no further than a version goes. */
const mostBytes = 64 * 1024;
const said = z.object({ version: z.string().optional(), message: z.string().optional() });

/** Where a forge may answer, in the order in which an answer is preferred. */
export function candidateUrls(address: string): string[] {
  const host = urlHost(address);
  return [`https://${host}`, `http://${host}:3000`, `http://${host}`];
}

/**
 * The first candidate at which a forge answers `/api/v1/version`; one without TLS only where nothing listens for TLS.
 * @throws when none does, with what each of them said.
 */
export async function findForge(address: string, candidates = candidateUrls(address)): Promise<string> {
  const answers = await Promise.all(candidates.map((url) => probe(url).then((reason) => ({ url, reason }))));
  // Tokens never fall back to the clear because of a bad certificate or a filtered port: only where no TLS is served at all.
  const refused = answers.every(({ url, reason }) => !url.startsWith("https:") || reason === "ECONNREFUSED");
  const found = answers.find(({ url, reason }) => reason === undefined && (refused || url.startsWith("https:")));
  if (found) return found.url;
  const tried = answers.map(({ url, reason }) => `\n  - ${url}: ${reason}`).join("");
  throw new ProgramError(
    `no forge answers at ${address}; set its base URL: pulumi config set forge.url https://…${tried}`,
  );
}

async function probe(url: string): Promise<string | undefined> {
  try {
    const headers = { accept: "application/json" };
    const limits = { ms: boundMs, bytes: mostBytes };
    const { status, body } = await exchange({ url: `${url}/api/v1/version`, method: "GET", headers, limits });
    const isFine = status >= 200 && status < 300;
    if (!isFine && status !== 403) return `answered ${status}`;
    const read = parseJson(body);
    const words = "value" in read ? said.safeParse(read.value).data : undefined;
    if (status === 403) return isClosedForge(words?.message) ? undefined : "answered 403";
    return words?.version === undefined ? "answered, but not like a forge" : undefined;
  } catch (error) {
    return error instanceof HttpFailure ? error.code || error.message : (error as Error).message;
  }
}

/** What Gitea and Forgejo say to strangers where visitors have to sign in. A proxy that shuts somebody out says it otherwise. */
function isClosedForge(message: string | undefined): boolean {
  return message !== undefined && /^Only signed in user is allowed to call APIs/.test(message);
}
