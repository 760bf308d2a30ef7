/**
 * What can go wrong with a call of NetBox's API, in words that say where and what to do next. The token is in none of them.
 */
import { ApiError, type ApiWords, type Refusal } from "../http/api.ts";
import type { HttpFailure } from "../http/failure.ts";

/** A call, for messages. */
export interface Call {
  /** Base URL, for example `https://netbox.example.org`. */
  url: string;
  method: string;
  /** Below the base URL, without its query. */
  path: string;
}

/** A call that did not succeed. */
export class NetboxError extends ApiError {
  constructor(
    message: string,
    /** HTTP status; 0 when no usable answer came. */
    readonly status: number,
    /** What NetBox said, without our words around it. */
    readonly serverMessage: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "NetboxError";
  }

  /** Whether the same call may succeed a moment later. A refusal, 403 among them, never does. */
  get retryable(): boolean {
    return (this.status === 0 && !this.isFinal) || this.status === 429 || this.status >= 500;
  }

  /** Whether a call that changes something may have done so all the same: what it did has to be read. */
  get ambiguous(): boolean {
    return (this.status === 0 && !this.isFinal) || this.status >= 500;
  }

  /** Whether NetBox has no such record. The 404 of a proxy, which is no JSON, says nothing about that. */
  get missing(): boolean {
    return this.status === 404 && !/HTML/.test(this.serverMessage);
  }

  /** Whether NetBox has another record with the same unique value (400), or met one while it wrote (500). */
  get duplicate(): boolean {
    if (this.status === 400)
      return /must have a unique value|must be unique|Duplicate|already exists/i.test(this.serverMessage);
    return this.status >= 500 && /IntegrityError|duplicate key/.test(this.serverMessage);
  }

  /** Whether no address is left (409). */
  get exhausted(): boolean {
    return this.status === 409 && /Insufficient resources/.test(this.serverMessage);
  }
}

/** The words for a call. */
export function wordsFor(call: Call): ApiWords {
  return {
    noAnswer: (failure) => noAnswer(call, failure),
    refused: (answer) => refusal(call, answer),
    badContent: ({ status }, problem) => badContent(call, status, problem),
  };
}

/** Nothing came back, or something that was cut off. */
function noAnswer({ url, method, path }: Call, cause: HttpFailure): NetboxError {
  const { code } = cause;
  const known = /CERT|SELF_SIGNED|UNABLE_TO/.test(code)
    ? "give the site's own certificate with SSL_CERT_FILE=<file>"
    : /ENOTFOUND|EAI_AGAIN/.test(code)
      ? "the name does not resolve; correct netbox.url"
      : "can this machine reach it, or does it need a jump host (ssh_proxy_jump_host)?";
  const text = `NetBox at ${url} gave no answer to ${method} ${path}: ${cause.message}; ${cause.advice ?? known}`;
  return new NetboxError(text, 0, "", { cause });
}

/** An answer that is no JSON, or not of the shape that NetBox documents. Whether something was done is not known. */
export function badContent({ url, method, path }: Call, status: number, what: string): NetboxError {
  const text = `NetBox at ${url} answered ${method} ${path} with ${status} and ${what}; is netbox.url the address of NetBox itself, without /api?`;
  return new NetboxError(text, status >= 400 ? status : 0, what);
}

/** NetBox's own words, of whatever shape; an HTML page has none for us. */
function refusal(call: Call, { status, reason, json }: Refusal): NetboxError {
  if ("problem" in json || json.value === undefined) {
    return badContent(call, status, `${reason || "an answer"} in HTML or nothing, no JSON`);
  }
  return refused(call, status, explain(json.value));
}

/** `{"name":["is required."],"__all__":["…"]}` and its like, flat: `name: is required.; …`. */
function explain(body: unknown): string {
  if (typeof body === "string") return body;
  if (Array.isArray(body)) return body.map(explain).filter(Boolean).join("; ");
  if (typeof body !== "object" || body === null) return String(body);
  return Object.entries(body)
    .map(([field, what]) => (["detail", "__all__", "error"].includes(field) ? "" : `${field}: `) + explain(what))
    .filter((text) => !text.endsWith(": "))
    .join("; ")
    .slice(0, 600);
}

/** A refusal. `said` is NetBox's reason. */
function refused({ url, method, path }: Call, status: number, serverMessage: string): NetboxError {
  return new NetboxError(
    `NetBox at ${url} refused ${method} ${path}: ${status} ${serverMessage}${advice()}`,
    status,
    serverMessage,
  );

  function advice(): string {
    if (status === 412) return "; somebody changed it a moment ago: look at it, and run this again";
    if (status !== 403) return "";
    // NetBox never answers 401: what it says tells a wrong token from one that may not do this.
    if (/permission/.test(serverMessage)) {
      return `; the token's user lacks the permission (view, add and change of what is behind ${path}), or the token is read-only`;
    }
    return "; NETBOX_API_TOKEN is rejected by NetBox API: pulumi config set --secret netbox.token";
  }
}
