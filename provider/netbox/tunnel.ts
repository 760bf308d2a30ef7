/**
 * Connections to NetBox through a jump host: each request has a channel of its own on one SSH connection, whose host key is
 * checked. TLS goes through it from end to end, so that NetBox's certificate is verified as if there were no jump host.
 */
import { type Agent, Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { JumpHosts } from "../../lib/ssh/jump-hosts.ts";

/** What an agent is asked to connect to; of what Node.js gives, what is used here. */
interface Destination {
  host?: string | null;
  port?: number | string | null;
  servername?: string;
  ca?: string[];
}

type Connected = (error: Error | null, stream?: Duplex) => void;

/** Seconds that a login on a jump host may take. */
const loginSeconds = 8;

/** One login on each jump host, for all requests. */
const logins = new JumpHosts();

/**
 * Logs in on the jump host and gives an agent for requests through it.
 * @param url of NetBox: its scheme decides whether TLS is spoken.
 * @throws Error when nobody can log in there.
 */
export async function tunnel(jump: SshTarget, url: string): Promise<Agent> {
  const open = async ({ host, port }: Destination): Promise<Duplex> => {
    const connection = await logins.to(jump, loginSeconds);
    return connection.forward(host ?? "", Number(port ?? 0));
  };
  await logins.to(jump, loginSeconds);
  return url.startsWith("https:") ? new TlsThrough(open) : new PlainThrough(open);
}

/** HTTP through a jump host. Connections are not kept: a channel costs nothing. */
class PlainThrough extends HttpAgent {
  constructor(private readonly open: (to: Destination) => Promise<Duplex>) {
    super({ keepAlive: false });
  }

  override createConnection(to: Destination, connected: Connected): undefined {
    this.open(to).then((stream) => connected(null, stream), connected);
  }
}

/** HTTPS through a jump host. */
class TlsThrough extends HttpsAgent {
  constructor(private readonly open: (to: Destination) => Promise<Duplex>) {
    super({ keepAlive: false });
  }

  override createConnection(to: Destination, connected: Connected): undefined {
    const { host, ca } = to;
    // A certificate for an address is compared with `host`; only a name may be asked for by SNI.
    const name = host && isIP(host) ? { host } : { servername: to.servername || host || "" };
    this.open(to).then((socket) => connected(null, connectTls({ socket, ...name, ...(ca ? { ca } : {}) })), connected);
  }
}
