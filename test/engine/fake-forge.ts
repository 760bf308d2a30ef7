/**
 * A forge as the plugin sees it, small enough to watch: rows of runners, a record of who asked what, and faults in the way
 * of any request. It speaks the dialect of the version that it is given, in the shapes that Gitea 1.26 was seen to give
 * and that Forgejo's API description and source show. A real Gitea is met in the lab ring.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A row of the forge. What a test leaves out is as a runner in use has it, of the whole instance. */
export interface Row {
  id: number;
  uuid: string;
  name: string;
  labels: string[];
  token?: string;
  /** Set by the daemon when it declares itself. */
  version?: string;
  description?: string;
  ownerId?: number;
  repoId?: number;
}

/** A request as it arrived. */
export interface Seen {
  method: string;
  path: string;
  authorization: string;
}

/** An answer, a connection that is cut, or none at all. */
export type Fate = { status: number; body?: string; headers?: Record<string, string> } | "cut" | "hang";

/** What happens to a request: a fate in place of the forge's own answer, or after the forge has done what was asked. */
export type Fault = (request: Seen) => Fate | { done: Fate } | undefined;

export interface ForgeOptions {
  /** Default: Gitea 1.26.0. */
  version?: string;
  fault?: Fault;
  rows?: Row[];
  /** Scopes of the API token. Default: all. */
  scopes?: string[];
  /** Most rows that a page has, however many are asked for. Default: 50. */
  pageRows?: number;
}

type Reply = [status: number, body?: unknown, headers?: Record<string, string>];

const organisationId = 3;
const userId = 1;
const repositoryId = 9;

export class FakeForge {
  readonly apiToken = "planted-api-token-0123456789abcdef0123456789";
  readonly mintedToken = "planted-minting-token-fedcba9876543210fedcba";
  /** The organisation, and the user of the API token. */
  readonly organisation = "ecosystem";
  readonly user = "operator";
  readonly rows: Row[];
  /** Method and path of every request. */
  readonly requests: string[] = [];
  /** What was sent with the requests that had a body. */
  readonly bodies: string[] = [];
  /** Whether the API token came with a request for the version. */
  tokenAtVersion = false;
  private next = 1;
  private mintedFor = "admin";
  private readonly version: string;
  private readonly server: Server;

  constructor(private readonly options: ForgeOptions = {}) {
    this.version = options.version ?? "1.26.0";
    this.rows = options.rows ?? [];
    this.server = createServer((request, response) => this.serve(request, response));
  }

  /** Starts on a free port of loopback and gives the base URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const url = new URL(request.url ?? "", "http://forge");
    const seen = {
      method: request.method ?? "",
      path: url.pathname,
      authorization: request.headers.authorization ?? "",
    };
    this.requests.push(`${seen.method} ${seen.path}`);
    if (body !== "") this.bodies.push(body);
    const fault = this.options.fault?.(seen);
    if (fault !== undefined && !(typeof fault === "object" && "done" in fault)) return meet(fault, response);
    const [status, answer, headers] = this.answer(seen, url.searchParams, body, request.headers);
    if (fault !== undefined) return meet(fault.done, response);
    const text = answer === undefined ? "" : JSON.stringify(answer);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
  }

  private answer(seen: Seen, query: URLSearchParams, body: string, headers: IncomingMessage["headers"]): Reply {
    if (seen.path === "/api/v1/version") {
      this.tokenAtVersion ||= seen.authorization !== "";
      return [200, { version: this.version }];
    }
    if (seen.path.endsWith("RunnerService/Register")) return this.register(JSON.parse(body));
    if (seen.path.endsWith("RunnerService/Declare")) return this.declare(headers, JSON.parse(body));
    const refused = this.refusal(seen);
    if (refused) return refused;
    if (seen.path === "/api/v1/user") return [200, { login: this.user }];
    if (seen.path === `/api/v1/orgs/${this.organisation}`) return [200, { username: this.organisation }];
    return this.runners(seen, query, body);
  }

  /** 401 and 403 as Gitea and Forgejo say them. */
  private refusal({ method, path, authorization }: Seen): Reply | undefined {
    if (authorization !== `token ${this.apiToken}`) return [401, { message: "token is required" }];
    const [, , , first = ""] = path.split("/");
    const category = { orgs: "organization", repos: "repository", user: "user" }[first] ?? "admin";
    const needed = `${method === "GET" ? "read" : "write"}:${category}`;
    const held = this.options.scopes;
    if (!held || held.includes(needed) || held.includes(`write:${category}`)) return undefined;
    return [403, { message: `token does not have at least one of required scope(s): [${needed}]` }];
  }

  private runners(seen: Seen, query: URLSearchParams, body: string): Reply {
    const match = /^\/api\/v1\/(admin|user|orgs\/[^/]+|repos\/[^/]+\/[^/]+)\/actions\/runners(?:\/([^/]+))?$/.exec(
      seen.path,
    );
    const missing: Reply = [404, { message: "The target couldn't be found." }];
    const [forgejo, major] = [this.version.includes("+gitea-"), Number.parseInt(this.version, 10)];
    if (!match || (forgejo && major < 15)) return missing;
    const [, place = "", rest] = match;
    if (place.startsWith("orgs/") && place !== `orgs/${this.organisation}`) return missing;
    if (rest === undefined && seen.method === "GET") {
      return forgejo ? this.forgejoList(place, query) : this.giteaList(place, query);
    }
    if (rest === undefined) return forgejo ? this.create(place, JSON.parse(body)) : [405, undefined];
    if (rest === "registration-token" && !forgejo) {
      if (seen.method !== "POST") return missing;
      this.mintedFor = place;
      return [200, { token: this.mintedToken }];
    }
    const index = this.rows.findIndex((row) => String(row.id) === rest);
    if (index < 0 || seen.method !== "DELETE") return missing;
    this.rows.splice(index, 1);
    return [204];
  }

  private giteaList(place: string, query: URLSearchParams): Reply {
    const rows = place === "admin" ? this.rows : this.rows.filter((row) => isOf(row, place));
    const shown = this.page(rows, query, 50).map(({ id, name, labels }) => ({
      ...{ id, name, status: "offline", busy: false, disabled: false, ephemeral: false },
      labels: labels.map((label, index) => ({ id: index, name: label, type: "custom" })),
    }));
    return [200, { runners: shown, total_count: rows.length }];
  }

  private forgejoList(place: string, query: URLSearchParams): Reply {
    const wider = query.get("visible") === "true";
    const isGlobal = (row: Row) => !row.ownerId && !row.repoId;
    const rows = this.rows.filter((row) => isOf(row, place) || (wider && (place === "admin" || isGlobal(row))));
    const shown = this.page(rows, query, 30).map((row) => ({
      ...{ id: row.id, uuid: row.uuid, owner_id: row.ownerId ?? 0, repo_id: row.repoId ?? 0, name: row.name },
      ...{ status: "offline", version: row.version ?? "12.0.0", labels: row.labels.length > 0 ? row.labels : null },
      ...{ description: row.description ?? "", ephemeral: false },
    }));
    return [200, shown, { "x-total-count": String(rows.length), link: '<http://forge/>; rel="last"' }];
  }

  private page<T>(rows: T[], query: URLSearchParams, usual: number): T[] {
    const limit = Math.min(Number(query.get("limit") ?? usual), this.options.pageRows ?? 50);
    const number = Number(query.get("page") ?? 1);
    return rows.slice((number - 1) * limit, number * limit);
  }

  private create(place: string, wish: { name: string; description?: string }): Reply {
    const { name, description = "" } = wish;
    const row = this.add({ name, description, labels: [], version: "", ...scopeOf(place) });
    return [201, { id: row.id, uuid: row.uuid, token: row.token }];
  }

  private register(wish: { name: string; token: string; labels: string[] }): Reply {
    // The runner protocol has no better status for it.
    if (wish.token !== this.mintedToken)
      return [500, { code: "unknown", message: "runner registration token not found" }];
    const row = this.add({ name: wish.name, labels: wish.labels, ...scopeOf(this.mintedFor) });
    return [200, { runner: { id: String(row.id), uuid: row.uuid, token: row.token } }];
  }

  private declare(headers: IncomingMessage["headers"], said: { version: string; labels: string[] }): Reply {
    const row = this.rows.find(
      ({ uuid, token }) => uuid === headers["x-runner-uuid"] && token === headers["x-runner-token"],
    );
    if (!row) return [401, { code: "unauthenticated", message: "unregistered runner" }];
    Object.assign(row, said);
    return [200, { runner: {} }];
  }

  private add(row: Omit<Row, "id" | "uuid" | "token">): Row {
    const id = this.next++;
    const uuid = `00000000-0000-4000-8000-${String(id).padStart(12, "0")}`;
    const added = { ...row, id, uuid, token: `planted-runner-token-${uuid}` };
    this.rows.push(added);
    return added;
  }
}

function meet(fate: Fate, response: ServerResponse): void {
  if (fate === "cut") response.destroy();
  else if (fate !== "hang") response.writeHead(fate.status, fate.headers).end(fate.body);
}

function scopeOf(place: string): { ownerId: number; repoId: number } {
  if (place === "admin") return { ownerId: 0, repoId: 0 };
  if (place.startsWith("repos/")) return { ownerId: 0, repoId: repositoryId };
  return { ownerId: place === "user" ? userId : organisationId, repoId: 0 };
}

function isOf(row: Row, place: string): boolean {
  const { ownerId, repoId } = scopeOf(place);
  return (row.ownerId ?? 0) === ownerId && (row.repoId ?? 0) === repoId;
}
