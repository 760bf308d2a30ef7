/**
 * What can go wrong with a call of the Proxmox VE API, in words that say where and what to do next. The token's secret is in
 * none of them; its name (`user@realm!id`) is.
 */
import { z } from "zod";
import { ApiError, type ApiWords, type Refusal } from "../http/api.ts";
import type { HttpFailure } from "../http/failure.ts";

/** A call, for messages. */
export interface Call {
  /** For example `https://pve1.example.org:8006`. */
  endpoint: string;
  method: string;
  /** Below `/api2/json`. */
  path: string;
  /** `user@realm!id`. */
  tokenName: string;
}

/** A call that did not succeed. */
export class ProxmoxError extends ApiError {
  constructor(
    message: string,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** What Proxmox VE said, without our words around it. */
    readonly serverMessage: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ProxmoxError";
  }

  /** Whether asking again may help: nothing came back, or a node in between did not answer. */
  get retryable(): boolean {
    return (this.status === 0 && !this.isFinal) || this.status === 502 || this.status === 503 || this.status >= 595;
  }

  /** Whether the VM or node that was asked for is not there. */
  get missing(): boolean {
    return this.status === 404 || /does not exist/.test(this.serverMessage);
  }
}

/** The words for a call. */
export function wordsFor(call: Call): ApiWords {
  return {
    noAnswer: (failure) => noAnswer(call, failure),
    refused: (answer) => refused(call, answer.status, explain(answer)),
    badContent: ({ status }, problem) => badContent(call, status, problem),
  };
}

/** Nothing came back. */
function noAnswer(call: Call, cause: HttpFailure): ProxmoxError {
  const { code } = cause;
  const known = /CERT|SELF_SIGNED|UNABLE_TO/.test(code)
    ? "give the site's own certificate with SSL_CERT_FILE=<file>, or set proxmox.insecure to true"
    : /ENOTFOUND|EAI_AGAIN/.test(code)
      ? "the name does not resolve; correct proxmox.endpoint"
      : "is proxmox.endpoint right, and can this machine reach it?";
  return new ProxmoxError(
    `Proxmox VE at ${call.endpoint} does not answer: ${cause.message}; ${cause.advice ?? known}`,
    0,
    "",
    {
      cause,
    },
  );
}

/** A success that is no answer of this API. Whether something was done is not known, and asking again is idle. */
function badContent({ endpoint, method, path }: Call, status: number, what: string): ProxmoxError {
  const text = `Proxmox VE at ${endpoint} answered ${method} ${path} with ${status} and ${what}; is proxmox.endpoint the address of Proxmox VE itself?`;
  return new ProxmoxError(text, status, what);
}

/** A refusal. `said` is Proxmox VE's reason with its details. */
function refused(call: Call, status: number, serverMessage: string): ProxmoxError {
  const { endpoint, method, path, tokenName } = call;
  const node = /^\/nodes\/([^/]+)/.exec(path)?.[1];
  const where = `Proxmox VE at ${endpoint} refused ${method} ${path}`;
  const because = `${status} ${serverMessage}`;
  return new ProxmoxError(`${where}: ${because}${advice()}`, status, serverMessage);

  function advice(): string {
    if (status === 401) {
      return `; the token ${tokenName} is not accepted: pulumi config set --secret proxmox.token, then pulumi up (a refresh still asks with the recorded one)`;
    }
    if (status === 403) {
      const [, scope = "/", privilege = "the privilege"] = /\(([^,]+), ([^)]+)\)/.exec(serverMessage) ?? [];
      return `; the token ${tokenName} lacks ${privilege} on ${scope}: pveum acl modify ${scope} --tokens '${tokenName}' --roles <a role with it>`;
    }
    if (status >= 595) return `; node ${node ?? "behind it"} does not answer, or there is none of that name`;
    return "";
  }
}

const complaint = z.object({
  message: z.string().optional().catch(undefined),
  errors: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

/** Proxmox VE's reason with what it says of single fields. */
function explain({ reason, json }: Refusal): string {
  const { message = "", errors = {} } = complaint.safeParse("value" in json ? json.value : undefined).data ?? {};
  const fields = Object.entries(errors).map(([name, what]) => `${name}: ${String(what).trim()}`);
  const [first = ""] = message.trim().split("\n");
  return [reason || first, ...fields].join("; ").slice(0, 2_000);
}
