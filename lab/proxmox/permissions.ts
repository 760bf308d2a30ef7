/**
 * Who may do what: API tokens with a secret and privileges by path, and tickets for users with a password.
 *
 * Simpler than Proxmox VE in three ways: privileges are given to a token directly, not by roles; the most specific path that
 * has an entry decides alone; and pools give no privileges.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { ApiError, forbidden } from "./api-error.ts";

/** Privileges by path, for example `{ "/vms": ["VM.Audit"] }`; they hold for everything below. `*` is every privilege. */
export type Grants = Record<string, readonly string[]>;

/** Who made a request. */
export interface Caller {
  /** For example `root@pam!ci`, or `root@pam` with a ticket. */
  readonly name: string;
  readonly grants: Grants;
}

interface Token {
  secret: string;
  grants: Grants;
}

interface Ticket {
  user: string;
  csrf: string;
}

/** Tokens, users and tickets. */
export class Permissions {
  private readonly tokens = new Map<string, Token>();
  private readonly passwords = new Map<string, string>();
  private readonly tickets = new Map<string, Ticket>();

  /**
   * Makes a token, or gives one a new secret and grants.
   * @param name `user@realm!id`.
   * @returns what a client sends behind `PVEAPIToken=`.
   */
  addToken(name: string, grants: Grants, secret = uuid()): string {
    this.tokens.set(name, { secret, grants });
    return `${name}=${secret}`;
  }

  /** Revokes a token. */
  removeToken(name: string): void {
    this.tokens.delete(name);
  }

  /** Gives a user a password, and every privilege. */
  addUser(name: string, password: string): void {
    this.passwords.set(name, password);
  }

  /** `POST /access/ticket`. @throws ApiError 401. */
  login(user: string, password: string) {
    const expected = this.passwords.get(user);
    if (expected === undefined || !same(expected, password)) throw new ApiError(401, "authentication failure");
    const ticket = `PVE:${user}:${randomBytes(16).toString("hex")}`;
    const csrf = randomBytes(16).toString("hex");
    this.tickets.set(ticket, { user, csrf });
    return { username: user, ticket, CSRFPreventionToken: csrf, cap: {} };
  }

  /** Who sends these headers. @throws ApiError 401 in Proxmox VE's words. */
  authenticate(method: string, headers: Record<string, string | string[] | undefined>): Caller {
    const { authorization, cookie } = headers;
    if (typeof authorization === "string" && authorization.startsWith("PVEAPIToken=")) {
      return this.byToken(authorization.slice("PVEAPIToken=".length));
    }
    const ticket = /PVEAuthCookie=([^;]+)/.exec(typeof cookie === "string" ? cookie : "")?.[1];
    if (ticket === undefined) throw new ApiError(401, "No ticket");
    const known = this.tickets.get(decodeURIComponent(ticket));
    if (!known) throw new ApiError(401, "permission denied - invalid PVE ticket");
    if (method !== "GET" && headers.csrfpreventiontoken !== known.csrf) {
      throw new ApiError(401, "Permission denied - invalid csrf token");
    }
    return { name: known.user, grants: { "/": ["*"] } };
  }

  private byToken(text: string): Caller {
    const at = text.indexOf("=");
    const name = text.slice(0, at);
    const token = this.tokens.get(name);
    const [user, id] = name.split("!");
    if (!token) throw new ApiError(401, `no such token '${id}' for user '${user}'`);
    if (!same(token.secret, text.slice(at + 1))) throw new ApiError(401, "invalid token value!");
    return { name, grants: token.grants };
  }
}

/** Whether a caller has at least one of these privileges on a path. */
export function may(caller: Caller, path: string, ...anyOf: string[]): boolean {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf("/"))) {
    const granted = caller.grants[at === "" ? "/" : at];
    if (granted) return granted.includes("*") || anyOf.some((privilege) => granted.includes(privilege));
    if (at === "" || at === "/") return false;
  }
}

/** @throws ApiError 403 unless the caller has at least one of these privileges on a path. */
export function requirePrivilege(caller: Caller, path: string, ...anyOf: string[]): void {
  if (!may(caller, path, ...anyOf)) throw forbidden(path, anyOf);
}

function same(expected: string, given: string): boolean {
  return expected.length === given.length && timingSafeEqual(Buffer.from(expected), Buffer.from(given));
}

function uuid(): string {
  return crypto.randomUUID();
}
