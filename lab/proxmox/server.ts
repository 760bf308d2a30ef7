/**
 * The HTTP side of the simulated Proxmox VE: TLS 1.3, authentication before anything else, faults, Proxmox VE's own error
 * bodies with their reason phrases, and a log of requests.
 */
import formbody from "@fastify/formbody";
import multipart from "@fastify/multipart";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { ApiError } from "./api-error.ts";
import type { Certificate } from "./certificate.ts";
import type { Cluster } from "./cluster.ts";
import { accessRoutes } from "./routes/access.ts";
import { clusterRoutes } from "./routes/cluster.ts";
import { qemuRoutes } from "./routes/qemu.ts";
import { statusRoutes } from "./routes/status.ts";
import { storageRoutes } from "./routes/storage.ts";

/** A request as it was answered. */
export interface LoggedRequest {
  method: string;
  /** Below `/api2/json`, decoded, without the query: `/nodes/pve1/qemu/100/clone`. */
  path: string;
  /** Query and form; passwords and keys are left out. */
  fields: Record<string, unknown>;
  /** Who asked; empty when that was not known. */
  caller: string;
  /** 0: the connection was dropped, or is held. */
  status: number;
}

const prefix = "/api2/json";
const secrets = new Set(["password", "cipassword", "sshkeys", "otp"]);

/** Builds the server; the caller lets it listen. */
export async function serve(cluster: Cluster, { key, cert }: Certificate, requests: LoggedRequest[]) {
  const server = fastify({
    https: { key, cert, minVersion: "TLSv1.3" },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 500 },
    forceCloseConnections: true,
    bodyLimit: 64 * 1024 * 1024,
  });
  const dropAfter = new WeakSet<FastifyRequest>();
  const log = (request: FastifyRequest, status: number) => {
    const all = { ...(request.query as object), ...(request.body as object | undefined) };
    const fields = Object.fromEntries(Object.entries(all).filter(([name]) => !secrets.has(name)));
    requests.push({
      method: request.method,
      path: pathOf(request),
      fields,
      caller: request.caller?.name ?? "",
      status,
    });
  };
  server.decorateRequest("caller");
  await server.register(formbody);
  await server.register(multipart, { limits: { fileSize: 64 * 1024 * 1024 } });

  server.addHook("onRequest", async (request, reply) => {
    const { method } = request;
    const fault = cluster.faults.takeRequest(method, pathOf(request));
    if (fault?.kind === "refuse") throw new ApiError(fault.status, fault.message, fault.errors);
    if (fault?.kind === "drop" && fault.when === "after") dropAfter.add(request);
    else if (fault) {
      log(request, 0);
      reply.hijack();
      if (fault.kind === "drop") request.raw.socket.destroy();
      return;
    }
    if (pathOf(request) === "/access/ticket") return;
    request.caller = cluster.permissions.authenticate(method, request.headers);
  });
  // Before the answer goes out, so that who has it finds it in the log.
  server.addHook("onSend", async (request, reply) => {
    const dropped = dropAfter.has(request);
    log(request, dropped ? 0 : reply.statusCode);
    if (dropped) request.raw.socket.destroy();
  });
  server.setErrorHandler((error, _request, reply) => refuse(reply, asApiError(error)));
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, new ApiError(501, `Method '${request.method} ${pathOf(request)}' not implemented`)),
  );
  await server.register(
    async (api) => {
      for (const routes of [accessRoutes, clusterRoutes, storageRoutes, qemuRoutes, statusRoutes]) routes(api, cluster);
    },
    { prefix },
  );
  return server;
}

function pathOf(request: FastifyRequest): string {
  const [path = ""] = request.url.split("?");
  return decodeURIComponent(path.startsWith(prefix) ? path.slice(prefix.length) : path).replace(/(?<=.)\/$/, "");
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const { statusCode = 500, message } = error as { statusCode?: number; message: string };
  return new ApiError(statusCode, message);
}

function refuse(reply: FastifyReply, error: ApiError) {
  reply.raw.statusMessage = error.reason;
  return reply.code(error.status).send(error.body);
}
