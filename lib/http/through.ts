/**
 * Connections that lead through something else than the network alone: a proxy, or a jump host. TLS goes through it from end to
 * end, so that a certificate is verified as if there were nothing in between.
 */
import { type Agent, Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** What an agent is asked to connect to; of what Node.js gives, what is used here. */
export interface Destination
  extends Pick<ConnectionOptions, "servername" | "secureContext" | "rejectUnauthorized" | "ALPNProtocols"> {
  host?: string | null;
  port?: number | string | null;
  /** Aborted when nobody waits for the connection any more. Node.js keeps a request's own `signal` from its agent. */
  givenUp?: AbortSignal;
}

/** Makes a stream that leads to a host's port. */
export type Opening = (to: Destination) => Promise<Duplex>;

type Connected = (error: Error | null, stream?: Duplex) => void;

/** How long idle connections are kept, in milliseconds. */
export interface Kept {
  keepAlive: boolean;
  timeout?: number;
}

/**
 * An agent whose connections are made in another way.
 * @param protocol of the URLs that it is for, `http:` or `https:`.
 */
export function agentThrough(open: Opening, protocol: string, kept: Kept = { keepAlive: false }): Agent {
  return protocol === "https:" ? new TlsThrough(open, kept) : new PlainThrough(open, kept);
}

class PlainThrough extends HttpAgent {
  constructor(
    private readonly open: Opening,
    kept: Kept,
  ) {
    super(kept);
  }

  override createConnection(to: Destination, connected: Connected): undefined {
    this.open(to).then((stream) => connected(null, stream), connected);
  }
}

class TlsThrough extends HttpsAgent {
  constructor(
    private readonly open: Opening,
    kept: Kept,
  ) {
    super(kept);
  }

  override createConnection(to: Destination, connected: Connected): undefined {
    this.open(to)
      .then((stream) => tlsOver(stream, to))
      .then((stream) => connected(null, stream), connected);
  }
}

/** TLS with the other side over a stream that leads there. */
export function tlsOver(socket: Duplex, { host, servername, secureContext, rejectUnauthorized = true }: Destination) {
  // A certificate for an address is compared with `host`; only a name may be asked for by SNI.
  const name = host && isIP(host) ? { host } : { servername: servername || host || "" };
  return connectTls({ socket, ...name, rejectUnauthorized, ...(secureContext ? { secureContext } : {}) });
}
