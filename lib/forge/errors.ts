/**
 * What went wrong between us and the forge: whether it can be tried again, whether a change may have happened all the
 * same, and what to do next. Messages name the forge's URL and the configuration key, never a secret.
 */
import type { ApiWords, Refusal } from "../http/api.ts";
import { ApiError } from "../http/api.ts";
import type { HttpFailure } from "../http/failure.ts";
import { printable } from "../printable.ts";

/**
 * - `unreached`: the forge never got the call. Nothing happened.
 * - `lost`: the answer did not arrive, or the forge failed: whether it carried the call out is not known.
 * - `garbled`: an answer came that says nothing: whether the call was carried out is not known, and repeating is idle.
 * - `refused`: the forge, or something in its place, said no. Nothing happened.
 */
export type Failure = "unreached" | "lost" | "garbled" | "refused";

/** A call to the forge that did not give what was asked for. */
export class ForgeError extends ApiError {
  /**
   * @param found what was seen, with method and URL.
   * @param fix what to do next: a command, or a configuration key.
   * @param status the HTTP status, where there was one.
   * @param words what the API itself said, in its own JSON, or what stands in an answer that is plain text.
   */
  constructor(
    readonly failure: Failure,
    readonly found: string,
    readonly fix?: string,
    readonly status?: number,
    readonly words: { api?: string; plain?: string } = {},
  ) {
    super(fix ? `${found}; ${fix}` : found);
    this.found = printable(found);
    this.name = "ForgeError";
  }

  /** Whether a change that was asked for may have been made all the same. */
  get outcomeUnknown(): boolean {
    return this.failure === "lost" || this.failure === "garbled";
  }

  /** Whether a call that is harmless to repeat may do better in a moment. */
  get retryable(): boolean {
    return this.failure === "unreached" || this.failure === "lost";
  }
}

/** A call as errors tell of it. */
export interface Call {
  /** Base URL of the forge. */
  forgeUrl: string;
  method: string;
  /** What stands behind the base URL, for example `/api/v1/version`. */
  path: string;
}

/**
 * The words for a call.
 * @param attemptMs that one try of it may take.
 */
export function wordsFor(call: Call, attemptMs: number): ApiWords {
  return {
    noAnswer: (failure) => noAnswer(call, failure, attemptMs / 1000),
    refused: (answer) => badStatus(call, answer),
    badContent: (answer, problem) => badContent(call, answer, problem),
  };
}

/** The call never got an answer: nothing listens, the name is unknown, TLS failed, the time ran out. */
function noAnswer(call: Call, error: HttpFailure, seconds: number): ForgeError {
  const asked = `${call.method} ${place(call)}`;
  switch (error.kind) {
    case "unsent": {
      const found = `cannot call ${asked}: forge.url or forge.token holds what HTTP cannot carry`;
      return new ForgeError("refused", found, "set them again, without line ends or control characters");
    }
    case "environment":
      return new ForgeError("refused", `cannot call ${asked}: ${error.message}`, error.advice);
    case "proxy":
      return new ForgeError("unreached", `cannot reach the forge: ${asked}: ${error.message}`, error.advice);
    case "garbled": {
      const fix = "is forge.url the forge's base URL, and what is in front of it?";
      return new ForgeError("garbled", `${asked}: ${error.message}`, fix);
    }
    default: {
      const reason = error.kind === "late" ? `no answer within ${seconds} s` : error.code || error.message;
      const known = causes.find(([pattern]) => pattern.test(error.code));
      const [, failure, fix] = known ?? [undefined, "lost" as const, "check forge.url"];
      return new ForgeError(failure, `cannot reach the forge: ${asked}: ${reason}`, fix);
    }
  }
}

const causes: readonly (readonly [RegExp, Failure, string])[] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, "unreached", "its name does not resolve here: check forge.url and this machine's DNS"],
  [/^ECONNREFUSED$/, "unreached", "nothing listens there: is the forge up? Else check forge.url"],
  [/^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/, "unreached", "is its host up and reachable? Else check forge.url"],
  [/^ERR_SSL_|^EPROTO$/, "refused", "no TLS is spoken there: check forge.url (http:// or https://, and the port)"],
  [
    /CERT|SELF_SIGNED|^UNABLE_TO_/,
    "refused",
    "its certificate is not trusted here: export NODE_EXTRA_CA_CERTS=<file of its CA>, or check forge.url",
  ],
];

/** The forge, or something in front of it, answered with a status that is no success. */
function badStatus(call: Call, answer: Refusal): ForgeError {
  const { status } = answer;
  const failure: Failure = status === 429 ? "unreached" : status >= 500 ? "lost" : "refused";
  const words = wordsIn(answer);
  const told = (what: string, fix: string) =>
    new ForgeError(failure, `${call.method} ${place(call)}: ${status}${what}`, fix, status, words);
  if (status >= 300 && status < 400) return redirect(call, answer, told);
  const page = htmlTitle(answer);
  if (page !== undefined) {
    const fix =
      status >= 500
        ? "a proxy answered, the forge behind it is down: look at its log, then try again"
        : "a proxy or a login page answered in the forge's place: check forge.url, and let /api/ pass there";
    return told(` with an HTML page${page}`, fix);
  }
  if (status === 404 && words.plain !== undefined) return told(` (text: ${words.plain})`, noRoute(call));
  const serverMessage = words.api ?? "";
  return told(serverMessage ? ` (${serverMessage})` : "", nextStep(call, status, serverMessage));
}

/** A forge says in JSON what it does not have. Text means that it does not know the address at all. */
function noRoute(call: Call): string {
  if (call.path === versionPath) return nextStep(call, 404, "");
  return (
    "that is not the API's own answer, so nothing is concluded from it: is the forge of the version that it reports, and does " +
    "what stands in front of it let all of /api/ pass?"
  );
}

/** A success whose content is not what the API promises. */
function badContent(call: Call, answer: Refusal, problem: string): ForgeError {
  const page = htmlTitle(answer);
  const what = page === undefined ? problem : `an HTML page${page} instead of JSON`;
  return new ForgeError(
    "garbled",
    `${call.method} ${place(call)} answered with ${what}`,
    "is forge.url the forge's base URL, and does a proxy let /api/ pass?",
    answer.status,
  );
}

const versionPath = "/api/v1/version";

/** The scope that the forge asks of a token for this call: `read:` or `write:` with its category. */
export function neededScope(method: string, path: string): string {
  return `${method === "GET" ? "read" : "write"}:${categoryOf(path)}`;
}

function categoryOf(path: string): string {
  const [first = ""] = path
    .replace(/^\/api\/v1/, "")
    .split("/")
    .filter(Boolean);
  return { orgs: "organization", repos: "repository", user: "user" }[first] ?? "admin";
}

function nextStep(call: Call, status: number, serverMessage: string): string {
  const set = "pulumi config set --secret forge.token";
  if (status === 401) {
    const scope = call.path === versionPath ? "" : ` with the scope ${neededScope("POST", call.path)}`;
    return `the forge does not accept forge.token (expired, revoked or mistyped): make one${scope}, then ${set}`;
  }
  if (status === 403) return forbidden(call, serverMessage, set);
  if (status === 404) return notFound(call);
  if (status === 405) return "the forge does not know this method here: is it really of the version that it reports?";
  if (status === 429) return "the forge or its proxy wants fewer calls: wait a while, then try again";
  if (status >= 500) return "the forge itself failed: look at its log, then try again";
  return "check forge.url and forge.scope";
}

function forbidden(call: Call, serverMessage: string, set: string): string {
  const category = categoryOf(call.path);
  const rank = {
    admin: "a site administrator's token, or a forge.scope that its user owns",
    organization: "a token of an owner of the organisation",
    repository: "a token of an administrator of the repository",
    user: "the user's own token",
  }[category];
  const scope = `a token with the scope ${neededScope(call.method, call.path)}${call.method === "GET" ? ` (registering needs ${neededScope("POST", call.path)})` : ""}`;
  if (/required scope/.test(serverMessage)) return `forge.token lacks a scope: make ${scope}, then ${set}`;
  if (/site admin|owner|administrator/.test(serverMessage)) return `this needs ${rank}: ${set}`;
  return `forge.token may not do this: it needs ${scope}, and ${rank}: ${set}`;
}

function notFound(call: Call): string {
  const category = categoryOf(call.path);
  if (call.path === versionPath) return "there is no forge at this URL: check forge.url (with the path, if it has one)";
  if (category === "organization")
    return "the forge has no such organisation, it is not the token's own user, or the token may not see it: check forge.scope";
  if (category === "repository")
    return "the forge has no such repository, or the token's user may not see it: check forge.scope";
  return "there is nothing here: check forge.url, and that Actions are enabled on the forge";
}

function redirect(call: Call, answer: Refusal, told: (what: string, fix: string) => ForgeError): ForgeError {
  const location = answer.header("location");
  const target = URL.canParse(location, place(call)) ? new URL(location, place(call)) : undefined;
  // Query and fragment are left out: they may carry what is nobody's business.
  const where = target ? `${target.origin}${target.pathname}` : "elsewhere";
  if (target?.pathname.endsWith(call.path)) {
    return told(` redirects to ${where}`, `pulumi config set forge.url ${where.slice(0, -call.path.length)}`);
  }
  return told(` redirects to ${where}`, "that is no API: check forge.url, and that no proxy asks for a login on /api/");
}

/** The title of an HTML page in quotes, empty for a page without one, undefined for what is no page. */
function htmlTitle({ header, text }: Refusal): string | undefined {
  if (!header("content-type").includes("text/html") && !/^\s*<(!doctype|html)/i.test(text)) return undefined;
  const title = /<title[^>]*>([^<]*)</i.exec(text)?.[1]?.replace(/\s+/g, " ").trim().slice(0, 80);
  return title ? ` "${title}"` : "";
}

/** What the API said in its own JSON, or what an answer of plain text holds. */
function wordsIn({ header, text }: Refusal): ForgeError["words"] {
  const short = (words: string) => words.replace(/\s+/g, " ").trim().slice(0, 200);
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? { api: short(message) } : {};
  } catch {
    return header("content-type").startsWith("text/plain") ? { plain: short(text) } : {};
  }
}

function place(call: Call): string {
  return `${call.forgeUrl}${call.path}`;
}
