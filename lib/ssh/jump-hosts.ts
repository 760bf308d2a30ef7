/**
 * Connections to jump hosts, one to each, for all machines behind it: OpenSSH refuses some where more than ten log in at once
 * (`MaxStartups 10:30:100`), and a machine is not less ready for that. No Pulumi.
 */
import { SshConnection } from "./connection.ts";
import { dial, type SshTarget } from "./dial.ts";

/** The connections of one gate. */
export class JumpHosts {
  private readonly connections = new Map<string, Promise<SshConnection>>();

  /**
   * The connection to a jump host. One that failed, or was lost, is dialled again by whoever asks next.
   * @param timeoutSeconds bound on the dial, login included.
   */
  to(host: SshTarget, timeoutSeconds: number): Promise<SshConnection> {
    const place = `${host.user}@${host.host}:${host.port}`;
    const there = this.connections.get(place);
    if (there) return there;
    const forget = () => {
      if (this.connections.get(place) === connection) this.connections.delete(place);
    };
    const connection = dial(host, timeoutSeconds).then((client) => {
      client.once("close", forget);
      return new SshConnection(client, host);
    });
    connection.catch(forget);
    this.connections.set(place, connection);
    return connection;
  }

  /** Closes all of them. */
  close(): void {
    for (const connection of this.connections.values())
      connection.then(
        (open) => open.close(),
        () => {},
      );
    this.connections.clear();
  }
}
