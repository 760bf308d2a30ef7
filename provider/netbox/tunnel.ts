/**
 * Connections to NetBox through a jump host: each request has a channel of its own on one SSH connection, whose host key is
 * checked. TLS goes through it from end to end, so that NetBox's certificate is verified as if there were no jump host.
 */
import { type Agent, Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { connect, impatient, type SshConnection } from "../../components/ssh/connection.ts";
import type { SshTarget } from "../../components/ssh/dial.ts";

/** What an agent is asked to connect to; of what Node.js gives, what is used here. */
interface Destination {
  host?: string | null;
  port?: number | string | null;
  servername?: string;
  ca?: string[];
}

type Connected = (error: Error | null, stream?: Duplex) => void;

/**
 * Logs in on the jump host and gives an agent for requests through it.
 * @param url of NetBox: its scheme decides whether TLS is spoken.
 * @throws Error when nobody can log in there.
 */
export async function tunnel(jump: SshTarget, url: string, signal: AbortSignal): Promise<Agent> {
  const dial = () => connect(jump, { ...impatient, signal });
  let connection = await dial();
  /** The jump host may have cut off a connection that was idle: one more dial, then its own words. */
  const forward = async (host: string, port: number): Promise<Duplex> => {
    const used: SshConnection = connection;
    try {
      return await used.forward(host, port);
    } catch (error) {
      if (!/not connected|closed|ECONNRESET/i.test((error as Error).message)) throw error;
      connection = await dial();
      return connection.forward(host, port);
    }
  };
  const open = ({ host, port }: Destination) => forward(host ?? "", Number(port ?? 0));
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
    const servername = to.servername || host || "";
    this.open(to).then(
      (socket) => connected(null, connectTls({ socket, servername, ...(ca ? { ca } : {}) })),
      connected,
    );
  }
}
