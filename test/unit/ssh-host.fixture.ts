/**
 * A real SSH server on loopback that answers commands from a table instead of running them, and a home directory of the
 * test's own, so that no key and no known_hosts file of the machine is touched.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2, { type Connection } from "ssh2";
import { onTestFinished, vi } from "vitest";
import { generateKeyPair } from "../../components/ssh/key-pair.ts";

/** A command as it arrived. */
export interface Received {
  user: string;
  command: string;
  stdin: string;
}

/** What the server does with a command: an answer, or `lost` to break the connection, or `silent` never to answer. */
export type Answer = { code?: number; stdout?: string; stderr?: string } | "lost" | "silent";

export interface StandIn {
  host: string;
  port: number;
  /** Every command so far, with what came by standard input. */
  received: Received[];
  /** How many TCP connections were made. */
  dials(): number;
  /** The machines behind it are gone, without a word of theirs. */
  loseForwards(): void;
  stop(): Promise<void>;
}

type KeyType = "ed25519" | "rsa";

/** A new key pair. */
export function keyPair(type: KeyType = "ed25519") {
  if (type === "ed25519") {
    const { privateKey, publicKey } = generateKeyPair("test");
    return { private: privateKey, public: publicKey.split(" ").slice(0, 2).join(" ") };
  }
  const pair = ssh2.utils.generateKeyPairSync("rsa", { bits: 2048 });
  return { private: pair.private, public: pair.public.trim().split(" ").slice(0, 2).join(" ") };
}

/** Makes a home directory with an operator's key in it, for this test alone. */
export function operatorHome(key = keyPair()) {
  const home = mkdtempSync(join(tmpdir(), "holdfast-home-"));
  const path = join(home, "id_ed25519");
  writeFileSync(path, key.private, { mode: 0o600 });
  vi.stubEnv("HOME", home);
  vi.stubEnv("RUNNER_SSH_KEY_PATH", path);
  vi.stubEnv("SSH_AUTH_SOCK", "");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return { home, key, keyPath: path };
}

/** What a server is to be. */
export interface SshHostOptions {
  hostKey?: { private: string };
  port?: number;
  /** Where it listens. Default: loopback. */
  address?: string;
  allowed?: string;
  /** Told the command, what came by standard input, and who logged in. */
  answer?: (command: string, stdin: string, user: string) => Answer;
  /** The port on loopback behind an address that this server forwards to; undefined where it reaches nothing. */
  reaches?: (host: string, port: number) => number | undefined;
}

/** Serves until the test is over. */
export async function sshHost(options: SshHostOptions = {}): Promise<StandIn> {
  const server = await sshServer(options);
  onTestFinished(() => server.stop().catch(() => {}));
  return server;
}

/** Serves until it is stopped. `allowed` is the one public key that may log in; without it, any may. */
export async function sshServer(options: SshHostOptions = {}): Promise<StandIn> {
  const received: Received[] = [];
  const open = new Set<Connection>();
  const forwards = new Set<() => void>();
  let dials = 0;
  const server = new ssh2.Server({ hostKeys: [(options.hostKey ?? keyPair()).private] }, (client) => {
    dials++;
    open.add(client);
    let user = "";
    client.on("error", () => {});
    // As OpenSSH does.
    (client as unknown as { setNoDelay(on: boolean): void }).setNoDelay(true);
    client.on("close", () => open.delete(client));
    client.on("authentication", (login) => {
      user = login.username;
      if (login.method !== "publickey") return login.reject(["publickey"]);
      const offered = `${login.key.algo} ${login.key.data.toString("base64")}`;
      return options.allowed === undefined || offered === options.allowed
        ? login.accept()
        : login.reject(["publickey"]);
    });
    client.on("tcpip", (acceptStream, refuse, { destIP, destPort }) => {
      // Who is not told otherwise reaches nothing.
      const port = options.reaches?.(destIP, destPort);
      if (port === undefined) return refuse();
      const inner = connect(port, "127.0.0.1", () => {
        const outer = acceptStream();
        // As OpenSSH does: when the other side has ended, it says so, and waits for this one.
        outer.pipe(inner).pipe(outer, { end: false });
        inner.on("end", () => outer.eof());
        forwards.add(() => {
          inner.destroy();
          outer.eof();
        });
        outer.on("close", () => inner.destroy());
      });
      inner.on("error", () => refuse());
    });
    client.on("session", (accept) =>
      accept().on("exec", (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        let stdin = "";
        channel.on("data", (chunk: Buffer) => {
          stdin += chunk;
        });
        channel.on("end", () => {
          received.push({ user, command, stdin });
          const answer = options.answer?.(command, stdin, user) ?? {};
          if (answer === "silent") return;
          if (answer === "lost") {
            client.end();
            return;
          }
          channel.write(answer.stdout ?? "");
          channel.stderr.write(answer.stderr ?? "");
          channel.exit(answer.code ?? 0);
          channel.end();
        });
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, options.address ?? "127.0.0.1", resolve));
  const loseForwards = () => {
    for (const lose of forwards) lose();
  };
  const stop = async () => {
    for (const client of open) client.end();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    received,
    dials: () => dials,
    loseForwards,
    stop,
  };
}
