/**
 * A forge as the plugin sees it, in Gitea's dialect, small enough to watch: rows of runners and a record of who asked what.
 * The same code meets a real Gitea in the lab ring.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A row of the forge. */
export interface Row {
  id: number;
  uuid: string;
  name: string;
  labels: string[];
}

export class FakeForge {
  readonly apiToken = "planted-api-token-0123456789abcdef0123456789";
  readonly mintedToken = "planted-minting-token-fedcba9876543210fedcba";
  readonly rows: Row[] = [];
  /** Method and path of every request. */
  readonly requests: string[] = [];
  private next = 1;
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        const path = (request.url ?? "").split("?")[0] ?? "";
        this.requests.push(`${request.method} ${path}`);
        const authorised = request.headers.authorization === `token ${this.apiToken}`;
        const [status, answer] = this.answer(request.method ?? "", path, body, authorised);
        response.writeHead(status, { "content-type": "application/json" });
        response.end(answer === undefined ? "" : JSON.stringify(answer));
      });
    });
  }

  /** Starts on a free port of loopback and gives the base URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
  }

  private answer(method: string, path: string, body: string, authorised: boolean): [number, unknown?] {
    if (path === "/api/v1/version") return [200, { version: "1.26.0" }];
    if (path.endsWith("RunnerService/Register")) return this.register(JSON.parse(body));
    if (!authorised) return [401, { message: "token is required" }];
    if (method === "POST" && path.endsWith("/registration-token")) return [200, { token: this.mintedToken }];
    const id = Number(/\/actions\/runners\/(\d+)$/.exec(path)?.[1] ?? Number.NaN);
    const index = this.rows.findIndex((row) => row.id === id);
    if (method === "GET" && path.endsWith("/actions/runners")) {
      return [200, { runners: this.rows.map(listed), total_count: this.rows.length }];
    }
    const row = this.rows[index];
    if (!row) return [404, { message: "not found" }];
    if (method === "DELETE") this.rows.splice(index, 1);
    return method === "DELETE" ? [204] : [200, listed(row)];
  }

  private register(wish: { name: string; token: string; labels: string[] }): [number, unknown] {
    if (wish.token !== this.mintedToken) return [401, { message: "runner registration token not found" }];
    const id = this.next++;
    const uuid = `00000000-0000-4000-8000-${String(id).padStart(12, "0")}`;
    this.rows.push({ id, uuid, name: wish.name, labels: wish.labels });
    return [200, { runner: { id: String(id), uuid, token: `planted-runner-token-${uuid}` } }];
  }
}

function listed(row: Row) {
  return { ...row, uuid: undefined, status: "offline", labels: row.labels.map((name) => ({ name })) };
}
