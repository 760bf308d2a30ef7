/**
 * A small Gitea on loopback, in the dialect that reference/forge.md records: runners of a scope, minting by POST, the
 * runner protocol's Register. Faults can be put in the way of any request.
 */
import type { IncomingMessage } from "node:http";
import { serveHttp } from "./loopback.fixture.ts";

/** The API token that this forge accepts. It mints: it must never be seen again. */
export const adminToken = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678";

/** What a POST mints here, also worth hiding. */
export const registrationToken = "REGISTRATIONtokenREGISTRATIONtokenREGIST";

export interface Row {
  id: number;
  name: string;
  uuid: string;
  token: string;
  labels: string[];
  scope: string;
}

/** An answer in place of the forge's own. */
export type Fault = (request: {
  method: string;
  path: string;
  authorization: string;
}) => { status: number; body?: string; headers?: Record<string, string> } | undefined;

/** Serves until the test is over. */
export async function fakeForge(options: { version?: string; fault?: Fault; rows?: Row[] } = {}) {
  const rows = options.rows ?? [];
  const requests: string[] = [];
  let next = 7;
  const url = await serveHttp(async (request, response) => {
    const { pathname: path, searchParams } = new URL(request.url ?? "", "http://forge");
    const method = request.method ?? "";
    const authorization = request.headers.authorization ?? "";
    requests.push(`${method} ${path}`);
    const answer = (status: number, body?: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(body && JSON.stringify(body));
    const fault = options.fault?.({ method, path, authorization });
    if (fault) return response.writeHead(fault.status, fault.headers).end(fault.body);
    if (path === "/api/v1/version") return answer(200, { version: options.version ?? "1.26.0" });
    if (path === "/api/actions/runner.v1.RunnerService/Register") {
      const { name, token, labels } = await bodyOf(request);
      if (token !== registrationToken) return answer(401, { code: "unauthenticated" });
      const id = next++;
      const row = {
        id,
        name,
        uuid: `00000000-0000-4000-8000-00000000000${id}`,
        token: `runner-token-${id}`,
        labels,
        scope: "",
      };
      rows.push(row);
      return answer(200, { runner: { ...row, id: String(id) } });
    }
    const match = /^\/api\/v1\/(admin|orgs\/[^/]+|repos\/[^/]+\/[^/]+)\/actions\/runners(?:\/([^/]+))?$/.exec(path);
    if (!match) return answer(404, { message: "not found" });
    if (authorization !== `token ${adminToken}`) return answer(401, { message: "token is required" });
    const [, , rest] = match;
    if (rest === "registration-token")
      return method === "POST" ? answer(200, { token: registrationToken }) : answer(404);
    const found = rows.findIndex(({ id }) => String(id) === rest);
    if (rest === undefined) {
      const [page, limit] = [Number(searchParams.get("page")), Number(searchParams.get("limit"))];
      const shown = rows.slice((page - 1) * limit, page * limit);
      return answer(200, { runners: shown.map(listed), total_count: rows.length });
    }
    const row = rows[found];
    if (!row) return answer(404, { message: "runner not found" });
    if (method === "DELETE") rows.splice(found, 1);
    return method === "DELETE" ? answer(204) : answer(200, listed(row));
  });
  return { url, rows, requests };
}

function listed({ id, name, labels }: Row) {
  return {
    id,
    name,
    status: "offline",
    busy: false,
    labels: labels.map((label, index) => ({ id: index, name: label })),
  };
}

async function bodyOf(request: IncomingMessage) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as { name: string; token: string; labels: string[] };
}
