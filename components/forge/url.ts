/**
 * Finds a forge's base URL when only its address is known: by asking, never by guessing.
 */
import { urlHost } from "../address.ts";
import { ProgramError } from "../program-error.ts";

const boundMs = 5_000;

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
    const response = await fetch(`${url}/api/v1/version`, { redirect: "manual", signal: AbortSignal.timeout(boundMs) });
    if (!response.ok && response.status !== 403) return `answered ${response.status}`;
    const body = (await response.json()) as { version?: unknown; message?: unknown } | null;
    if (response.status === 403) return isClosedForge(body?.message) ? undefined : "answered 403";
    return typeof body?.version === "string" ? undefined : "answered, but not like a forge";
  } catch (error) {
    const cause = (error as Error).cause as { code?: string; message?: string } | undefined;
    return cause?.code ?? cause?.message ?? (error as Error).message;
  }
}

/** What Gitea and Forgejo say to strangers where visitors have to sign in. A proxy that shuts somebody out says it otherwise. */
function isClosedForge(message: unknown): boolean {
  return typeof message === "string" && /^Only signed in user is allowed to call APIs/.test(message);
}
