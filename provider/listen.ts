/**
 * The plugin's port, on loopback. A connection of another user is ended before a byte of it is read.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { type Peer, peerOf } from "./peer.ts";

/** Who is asked about connections; for tests, what this system says. */
export interface Doorkeeper {
  /** Whose the other end is. */
  peerOf?(socket: Socket): Promise<Peer>;
  /** Told of a connection that was refused. */
  refused(text: string): void;
}

/**
 * Listens for the engine, which runs as the same user. Resolves to the port.
 * @throws Error when no port of loopback is to be had.
 */
export function listen(server: grpc.Server, doorkeeper: Doorkeeper): Promise<number> {
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const ask = doorkeeper.peerOf ?? peerOf;
  const door = createServer({ pauseOnConnect: true, noDelay: true }, async (socket) => {
    socket.on("error", () => socket.destroy());
    const objection = objectionTo(await ask(socket).catch((): Peer => "gone"));
    if (objection === undefined) {
      if (socket.destroyed) return;
      injector.injectConnection(socket);
      socket.resume();
      return;
    }
    socket.destroy();
    doorkeeper.refused(`a connection to the port of the plugin holdfast was refused: ${objection}`);
  });
  return new Promise((resolve, reject) => {
    door.once("error", reject);
    door.listen(0, "127.0.0.1", () => resolve((door.address() as AddressInfo).port));
  });
}

function objectionTo(peer: Peer): string | undefined {
  const own = process.geteuid?.();
  if (peer === "untold" || own === undefined || peer === own) return undefined;
  if (peer === "gone") return "whose it was cannot be told any more";
  return `it is of the user with the number ${peer}, and the plugin and its engine are of ${own}`;
}
