/**
 * A forge as the plugin sees it, small enough to watch: rows of runners, a record of who asked what, and faults in the way
 * of any request. It speaks the dialect of the version that it is given, in the shapes that Gitea 1.26 was seen to give
 * and that real Forgejos were recorded to give (test/unit/provider/forge/forgejo-contract.test.ts holds it against them). A real Gitea is
 * met in the lab ring.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { forgejoShape, giteaShape, inOrder, isGlobal, isOf, type Row, scopeOf } from "./fake-forge-rows.ts";

/** A request as it arrived. */
export interface Seen {
  method: string;
  path: string;
  /** Behind the path, without the question mark. */
  query: string;
  authorization: string;
  body: string;
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
  /** Whether an answer without `page` has all rows, as Forgejo 15 and 16 give it. Default: yes; a Gitea never does. */
  allAtOnce?: boolean;
  /** Whether Actions are enabled. Default: yes. */
  actions?: boolean;
  /** Whether it answers nobody who has not signed in. Default: no. */
  closed?: boolean;
  /** Called after each list, for runners that poll meanwhile: whoever does comes first on the next one. */
  afterList?: (rows: Row[]) => void;
}

/** A body of text is sent as it stands, as text/plain. */
type Reply = [status: number, body?: unknown, headers?: Record<string, string>];

const unknownRoute: Reply = [404, "404 page not found\n"];
const notFound: Reply = [404, "Not found.\n"];

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
  private readonly forgejo: boolean;
  private readonly major: number;
  private readonly swagger = "http://forge/api/swagger";
  private readonly server: Server;

  constructor(private readonly options: ForgeOptions = {}) {
    this.version = options.version ?? "1.26.0";
    this.forgejo = this.version.includes("+gitea-");
    this.major = Number.parseInt(this.version, 10);
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
      query: url.searchParams.toString(),
      body,
      authorization: request.headers.authorization ?? "",
    };
    this.requests.push(`${seen.method} ${seen.path}`);
    if (body !== "") this.bodies.push(body);
    const fault = this.options.fault?.(seen);
    if (fault !== undefined && !(typeof fault === "object" && "done" in fault)) return meet(fault, response);
    const [status, answer, headers] = this.answer(seen, url.searchParams, body, request.headers);
    if (fault !== undefined) return meet(fault.done, response);
    const plain = typeof answer === "string";
    const type = plain ? "text/plain; charset=utf-8" : "application/json;charset=utf-8";
    const text = plain ? answer : answer === undefined ? "" : JSON.stringify(answer);
    response.writeHead(status, { ...(text === "" ? {} : { "content-type": type }), ...headers }).end(text);
  }

  private answer(seen: Seen, query: URLSearchParams, body: string, headers: IncomingMessage["headers"]): Reply {
    if (seen.path.startsWith("/api/actions/")) return this.runnerProtocol(seen, body, headers);
    const refused = this.stranger(seen);
    if (refused) return refused;
    if (seen.path === "/api/v1/version") {
      this.tokenAtVersion ||= seen.authorization !== "";
      return seen.method === "GET" ? [200, { version: this.version }] : [405];
    }
    const forbidden = this.refusal(seen);
    if (forbidden) return forbidden;
    if (seen.path === "/api/v1/user") return [200, { login: this.user }];
    if (seen.path === `/api/v1/orgs/${this.organisation}`) return [200, { username: this.organisation }];
    if (/^\/api\/v1\/orgs\/[^/]+$/.test(seen.path)) return this.noOrganisation(seen.path.split("/")[4] ?? "");
    return this.runners(seen, query, body);
  }

  private runnerProtocol(seen: Seen, body: string, headers: IncomingMessage["headers"]): Reply {
    if (this.options.actions === false) return notFound;
    if (seen.method !== "POST") return [405];
    if (seen.path.endsWith("ping.v1.PingService/Ping"))
      return [200, { data: `Hello, ${JSON.parse(body).data ?? ""}!` }];
    if (seen.path.endsWith("RunnerService/Register")) return this.register(JSON.parse(body));
    if (seen.path.endsWith("RunnerService/Declare")) return this.declare(headers, JSON.parse(body));
    return unknownRoute;
  }

  /** A token that is not known is refused everywhere, and repeated in clear; a closed forge refuses whoever has none. */
  private stranger({ authorization }: Seen): Reply | undefined {
    const token = authorization.replace(/^token /, "");
    if (token === this.apiToken) return undefined;
    if (token === "")
      return this.options.closed ? [403, { message: "Only signed in user is allowed to call APIs." }] : undefined;
    const malformed = "token is malformed: token contains an invalid number of segments";
    const unknown = `access token does not exist [sha: ${token}]`;
    const task = `task with token "${token}": resource does not exist`;
    const message =
      this.major >= 16
        ? [malformed, unknown, malformed, task, `authorized integration: parse JWT error: ${malformed}`].join("\n")
        : unknown;
    return [401, { message, url: this.swagger }];
  }

  /** 401 and 403 as Gitea and Forgejo say them. */
  private refusal({ method, path, authorization }: Seen): Reply | undefined {
    if (authorization === "") return [401, { message: "token is required", url: this.swagger }];
    const [, , , first = ""] = path.split("/");
    const category = { orgs: "organization", repos: "repository", user: "user" }[first] ?? "admin";
    const needed = `${method === "GET" ? "read" : "write"}:${category}`;
    const held = this.options.scopes;
    if (!held || held.includes(needed) || held.includes(`write:${category}`)) return undefined;
    return [403, { message: `token does not have at least one of required scope(s): [${needed}]`, url: this.swagger }];
  }

  private noOrganisation(name: string): Reply {
    if (!this.forgejo) return [404, { message: "GetOrgByName", url: this.swagger, errors: [] }];
    return [
      404,
      { message: "GetOrgByName", url: this.swagger, errors: [`user redirect does not exist [name: ${name}]`] },
    ];
  }

  private runners(seen: Seen, query: URLSearchParams, body: string): Reply {
    const match = /^\/api\/v1\/(admin|user|orgs\/[^/]+|repos\/[^/]+\/[^/]+)\/actions\/runners(?:\/([^/]+))?$/.exec(
      seen.path,
    );
    if (!match || (this.forgejo && this.major < 15)) return unknownRoute;
    const [, place = "", rest] = match;
    const organisation = /^orgs\/(.+)$/.exec(place)?.[1];
    if (organisation !== undefined && organisation !== this.organisation) return this.noOrganisation(organisation);
    const missing: Reply = [404, { message: "The target couldn't be found.", url: this.swagger, errors: [] }];
    if (place.startsWith("repos/") && this.options.actions === false) return missing;
    if (rest === undefined && seen.method === "GET") {
      const answer = this.forgejo ? this.forgejoList(place, query) : this.giteaList(place, query);
      this.options.afterList?.(this.rows);
      return answer;
    }
    if (rest === undefined)
      return this.forgejo && seen.method === "POST" ? this.create(place, JSON.parse(body)) : [405];
    if (rest === "registration-token" && !this.forgejo) {
      if (seen.method !== "POST") return missing;
      this.mintedFor = place;
      return [200, { token: this.mintedToken }];
    }
    return this.one(seen.method, place, Number(rest) || 0);
  }

  /** One row by its number: wider scopes' are shown, and only the scope's own are deleted; an administrator may all. */
  private one(method: string, place: string, id: number): Reply {
    const found = this.rows.find((row) => row.id === id && (place === "admin" || isOf(row, place) || isGlobal(row)));
    if (!found) {
      const message = this.forgejo ? `runner with ID ${id}: resource does not exist` : "Runner not found";
      return [404, { message, url: this.swagger }];
    }
    if (method === "GET") return [200, this.forgejo ? forgejoShape(found) : giteaShape(found)];
    if (method !== "DELETE") return [405];
    if (place !== "admin" && !isOf(found, place)) {
      return [
        404,
        { message: `No permission to ${this.forgejo ? "delete" : "access"} this runner`, url: this.swagger },
      ];
    }
    this.rows.splice(this.rows.indexOf(found), 1);
    return [204];
  }

  private giteaList(place: string, query: URLSearchParams): Reply {
    const rows = place === "admin" ? this.rows : this.rows.filter((row) => isOf(row, place));
    const page = Math.max(1, Number(query.get("page") ?? 1));
    const shown = this.page(rows, page, Number(query.get("limit") ?? 30));
    return [200, { runners: shown.map(giteaShape), total_count: rows.length }];
  }

  private forgejoList(place: string, query: URLSearchParams): Reply {
    const wider = query.get("visible") === "true";
    const rows = this.rows.filter((row) => isOf(row, place) || (wider && (place === "admin" || isGlobal(row))));
    const page = Number(query.get("page") ?? 0) || 0;
    const limit = Number(query.get("limit")) || 50;
    const all = page < 1 && this.options.allAtOnce !== false;
    const shown = all ? inOrder(rows) : this.page(rows, Math.max(1, page), limit);
    const more = rows.length > limit ? { link: `<${this.swagger}?limit=${limit}&page=2>; rel="next"` } : {};
    return [200, shown.map(forgejoShape), { "x-total-count": String(rows.length), ...more }];
  }

  private page(rows: Row[], number: number, limit: number): Row[] {
    const size = Math.min(limit, this.options.pageRows ?? 50);
    return inOrder(rows).slice((number - 1) * size, number * size);
  }

  private create(place: string, wish: { name: string; description?: string }): Reply {
    const { name, description = "" } = wish;
    const row = this.add({ name, description, labels: [], version: "", ...scopeOf(place) });
    return [201, { id: row.id, uuid: row.uuid, token: row.token }];
  }

  private register(wish: { name: string; token: string; labels: string[] }): Reply {
    if (wish.token !== this.mintedToken)
      return [400, { code: "invalid_argument", message: "runner registration token not found" }];
    const row = this.add({ name: wish.name, labels: wish.labels, ...scopeOf(this.mintedFor) });
    return [200, { runner: { id: String(row.id), uuid: row.uuid, token: row.token } }];
  }

  private declare(headers: IncomingMessage["headers"], output: { version: string; labels: string[] }): Reply {
    const row = this.rows.find(
      ({ uuid, token }) => uuid === headers["x-runner-uuid"] && token === headers["x-runner-token"],
    );
    if (!row) return [401, { code: "unauthenticated", message: "unregistered runner" }];
    Object.assign(row, output);
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
