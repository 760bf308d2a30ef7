/**
 * How the other side is reached: directly, or through the proxy that the environment names. For `https:` the proxy is asked to
 * `CONNECT`, so that it sees a host and a port and nothing else; what goes over `http:` it gets to read, as everybody on the way
 * does.
 *
 * Node.js' own parser reads what the proxy says, within the bounds of any answer. The packages that are there for this either hand
 * a proxy's refusal on as if the other side had spoken, or follow no proxy rules that Go knows too.
 */
import { type Agent, Agent as HttpAgent, request as httpRequest, STATUS_CODES } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { urlToHttpOptions } from "node:url";
import { hostOf, urlHost } from "../network/address.ts";
import { HttpFailure } from "./failure.ts";
import { type HttpProxy, proxyFor } from "./proxy.ts";
import { agentThrough, type Destination, tlsOver } from "./through.ts";
import { noTrust, type Trust, trust } from "./trust.ts";

/** Bytes of all headers of an answer together, its status line among them. */
export const headerBytes = 32 * 1024;

/**
 * Connections are reused within a second. Servers end an idle one after two or more, without a word; a change that is sent on
 * it just then has no answer, and nobody can tell whether it was made.
 */
const reused = { keepAlive: true, timeout: 1_000 };

/** How a request is sent, and through which proxy that reads it. */
export interface Route {
  send: typeof httpRequest;
  options: RequestOptions & Trust & Pick<Destination, "givenUp">;
  /** Only where the proxy itself answers the request, in the other side's words or its own. */
  reader?: HttpProxy;
}

/** What decides about a route beside the URL. */
export interface Routing {
  /** Connects in another way, for example through a jump host. Never through a proxy then. */
  agent?: Agent | undefined;
  /** Whether a certificate that nobody vouches for is taken. A proxy's own is always verified. Default: no. */
  insecure?: boolean | undefined;
}

/** @throws HttpFailure of kind `environment` when certificates or proxy of the environment cannot be used. */
export function routeTo(url: URL, { agent, insecure = false }: Routing = {}): Route {
  const proxy = agent ? undefined : proxyFor(url);
  const target = urlToHttpOptions(url);
  if (url.protocol === "https:") {
    const trusted = trust();
    const way = agent ?? agentFor("https:", trusted, proxy);
    return { send: httpsRequest, options: { ...target, ...trusted, rejectUnauthorized: !insecure, agent: way } };
  }
  if (!proxy) return { send: httpRequest, options: { ...target, agent: agent ?? agentFor("http:", noTrust) } };
  return { ...absolutely(url, proxy), reader: proxy };
}

/**
 * TLS with the host of a URL, whoever vouches for it or does not: to look at its certificate.
 * @returns a socket that has not shaken hands yet.
 */
export async function openTls(url: URL, signal: AbortSignal): Promise<TLSSocket> {
  const [host, port] = [hostOf(url.href), Number(url.port || 443)];
  const [trusted, proxy] = [trust(), proxyFor(url)];
  const settings = { host, rejectUnauthorized: false, ...trusted };
  if (proxy) return tlsOver(await connectVia(proxy, { host, port, givenUp: signal }), settings);
  return connectTls({ ...settings, port, ...(isIP(host) ? {} : { servername: host }) });
}

/** A request that the proxy makes in our place: it wants the whole URL. */
function absolutely(url: URL, proxy: HttpProxy): Route {
  const trusted = proxy.secure ? trust() : noTrust;
  const protocol = proxy.secure ? "https:" : "http:";
  const options = {
    ...{ protocol, host: proxy.host, port: proxy.port, ...trusted, agent: agentFor(protocol, trusted) },
    path: `${url.origin}${url.pathname}${url.search}`,
    headers: { host: url.host, ...proxy.headers },
  };
  return { send: proxy.secure ? httpsRequest : httpRequest, options };
}

/** By what they trust, then by protocol and proxy: a connection that was made under other settings is not taken up again. */
const agents = new WeakMap<Trust, Map<string, Agent>>();

function agentFor(protocol: "http:" | "https:", trusted: Trust, proxy?: HttpProxy): Agent {
  const made = agents.get(trusted) ?? new Map<string, Agent>();
  agents.set(trusted, made);
  const key = JSON.stringify([protocol, proxy]);
  const agent = made.get(key) ?? newAgent(protocol, proxy);
  made.set(key, agent);
  return agent;
}

function newAgent(protocol: "http:" | "https:", proxy: HttpProxy | undefined): Agent {
  if (proxy) return agentThrough((to) => connectVia(proxy, to), protocol, reused);
  return protocol === "https:" ? new HttpsAgent(reused) : new HttpAgent(reused);
}

/** A stream to a host's port that the proxy made. */
function connectVia(proxy: HttpProxy, { host, port, givenUp }: Destination): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const place = `${urlHost(host ?? "")}:${port}`;
    const asked = (proxy.secure ? httpsRequest : httpRequest)({
      ...{ host: proxy.host, port: proxy.port, method: "CONNECT", path: place, agent: false },
      headers: { host: place, ...proxy.headers },
      maxHeaderSize: headerBytes,
      ...(givenUp ? { signal: givenUp } : {}),
      ...(proxy.secure ? trust() : {}),
    });
    asked.once("connect", ({ statusCode = 0 }, socket, early: Buffer) => {
      // For as long as it lives: an error that nobody listens to ends the process.
      socket.on("error", () => {});
      if (statusCode >= 200 && statusCode < 300 && early.length === 0) return resolve(socket);
      socket.destroy();
      reject(refusedBy(proxy, statusCode, place));
    });
    asked.on("error", (error) => reject(unreached(proxy, error)));
    asked.once("close", () => reject(unreached(proxy, new Error("the connection was closed without an answer"))));
    asked.end();
  });
}

/** A proxy that was not reached. */
export function unreached(proxy: HttpProxy, error: Error): HttpFailure {
  const cause = HttpFailure.from(error);
  const advice = "is it the right proxy, and is it up? A host that needs none belongs into NO_PROXY";
  return new HttpFailure("proxy", `${proxy.shown} cannot be reached: ${cause.message}`, { cause, advice });
}

/** A proxy that was reached, and does not do what it is asked for. Its own words are left out: they may hold what it was sent. */
export function refusedBy(proxy: HttpProxy, status: number, place: string): HttpFailure {
  const reason = `${proxy.shown} does not connect to ${place}: ${status} ${STATUS_CODES[status] ?? ""}`.trim();
  if (status === 407) {
    return new HttpFailure("environment", reason, { advice: "put its user and password into the proxy's URL" });
  }
  const advice = "is it allowed there, and reachable from the proxy? A host that needs none belongs into NO_PROXY";
  return new HttpFailure(status >= 400 && status < 500 ? "environment" : "proxy", reason, { advice });
}
