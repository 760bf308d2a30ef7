/**
 * Where the forge's token may go: to the forge that the stack's configuration names, and nowhere else. Inputs and states name a
 * forge as well, but both can come from somebody who is after the token.
 */
import { ForgeError } from "../../lib/forge/errors.ts";
import type { ProviderConfig } from "../../resources/provider-config.ts";

/**
 * - `inputs`: of a program, or of a file that is imported.
 * - `state`: of what was registered before, as the stack recorded it beside the token.
 */
export type Source = "inputs" | "state";

/**
 * The token for a forge at this URL; undefined where the stack has none at all.
 * @param from what names the URL.
 * @throws ForgeError when the token is for another forge.
 */
export function tokenFor(
  { forgeToken, forgeUrl }: Pick<ProviderConfig, "forgeToken" | "forgeUrl">,
  url: string,
  from: Source,
): string | undefined {
  if (forgeToken === undefined || mayGoTo(url, forgeUrl, from)) return forgeToken;
  const [there, home] = [originOf(url) ?? "a URL that is none", originOf(forgeUrl)];
  if (home === undefined) {
    const found = `which forge forge.token belongs to is not recorded, so it is not sent to ${there}`;
    throw new ForgeError("refused", found, "run pulumi up, which records it");
  }
  const found = `forge.token belongs to ${home}, so it is not sent to ${there}`;
  const fix =
    "set forge.url to the forge that is meant, and give its own token: pulumi config set --secret forge.token";
  throw new ForgeError("refused", found, fix);
}

/** The forge's place by now, where the stack's configuration names another one than what was registered there. */
export function movedFrom(url: string, { forgeUrl }: Pick<ProviderConfig, "forgeUrl">): string | undefined {
  return forgeUrl === undefined || mayGoTo(url, forgeUrl, "state") ? undefined : forgeUrl;
}

/**
 * States of release 0.1 have the token without its forge. What was registered with it then is read and taken away where the same
 * state says that it is; nothing new is made with it.
 */
function mayGoTo(url: string, home: string | undefined, from: Source): boolean {
  if (home === undefined) return from === "state";
  return originOf(url) !== undefined && originOf(url) === originOf(home);
}

/** Scheme, host and port: who has the same of these is the same server. */
function originOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;
}
