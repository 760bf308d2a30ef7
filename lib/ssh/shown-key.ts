/**
 * Which host key a machine shows. Nobody is logged in for that, nothing is recorded, and nothing that is said there is believed.
 */
import type { ConnectConfig } from "ssh2";
import { hostKeyAlgorithms, keyOf } from "./dial.ts";
import type { HostKey } from "./known-hosts.ts";
import { ssh2 } from "./package.ts";

/**
 * Asks for it.
 * @param known of the kind of this one where the machine has one of it.
 * @throws when the machine does not answer within so many seconds, or shows none.
 */
export function shownKey(host: string, port: number, timeoutSeconds: number, known?: HostKey): Promise<HostKey> {
  return new Promise((resolve, reject) => {
    const client = new (ssh2().Client)();
    const end = (settle: () => void) => {
      clearTimeout(timer);
      settle();
      client.destroy();
    };
    const fail = (reason: string) => end(() => reject(new Error(reason)));
    const timer = setTimeout(() => fail(`no answer within ${timeoutSeconds} s`), timeoutSeconds * 1000);
    client.on("error", (error) => fail(error.message));
    client.on("close", () => fail("the connection was closed during the handshake"));
    const algorithms = [...new Set([...(known ? hostKeyAlgorithms([known]) : []), ...hostKeyAlgorithms([])])];
    client.connect({
      ...{ host, port, username: "nobody", readyTimeout: timeoutSeconds * 1000 },
      algorithms: { serverHostKey: algorithms },
      hostVerifier: (blob: Buffer) => {
        end(() => resolve(keyOf(blob)));
        return false;
      },
    } as ConnectConfig);
  });
}
