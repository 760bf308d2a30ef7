/**
 * What can go wrong with a call of the Proxmox VE API, in words that say where and what to do next. The token's secret is in
 * none of them; its name (`user@realm!id`) is.
 */
import type { HttpFailure } from "../../lib/http/failure.ts";
import { printable } from "../../lib/printable.ts";

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
export class ProxmoxError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** What Proxmox VE said, without our words around it. */
    readonly serverMessage: string,
    options?: ErrorOptions,
  ) {
    super(printable(message), options);
    this.name = "ProxmoxError";
  }

  /** Whether asking again may help: nothing came back, or a node in between did not answer. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status >= 595;
  }

  /** Whether the VM or node that was asked for is not there. */
  get missing(): boolean {
    return this.status === 404 || /does not exist/.test(this.serverMessage);
  }
}

/** Nothing came back. */
export function noAnswer(call: Call, cause: HttpFailure): ProxmoxError {
  const { code } = cause;
  const advice = /CERT|SELF_SIGNED|UNABLE_TO/.test(code)
    ? "give the site's own certificate with SSL_CERT_FILE=<file>, or set proxmox.insecure to true"
    : /ENOTFOUND|EAI_AGAIN/.test(code)
      ? "the name does not resolve; correct proxmox.endpoint"
      : "is proxmox.endpoint right, and can this machine reach it?";
  return new ProxmoxError(`Proxmox VE at ${call.endpoint} does not answer: ${cause.message}; ${advice}`, 0, "", {
    cause,
  });
}

/** A success that is no answer of this API. Whether something was done is not known, and asking again is idle. */
export function badContent({ endpoint, method, path }: Call, status: number, what: string): ProxmoxError {
  const text = `Proxmox VE at ${endpoint} answered ${method} ${path} with ${status} and ${what}; is proxmox.endpoint the address of Proxmox VE itself?`;
  return new ProxmoxError(text, status, what);
}

/** A refusal. `said` is Proxmox VE's reason with its details. */
export function refused(call: Call, status: number, serverMessage: string): ProxmoxError {
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
