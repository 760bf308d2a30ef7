/**
 * A real NetBox with its PostgreSQL and its Redis, from nothing to an API that answers: some 12 s once its programs are there.
 */
import { createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { Failure } from "../../lib/failure.ts";
import { writePrivately } from "../secrets.ts";
import { until } from "../wait.ts";
import {
  configurationDirectory,
  type NetboxSecrets,
  newSecrets,
  writeConfiguration,
  wsgiModule,
} from "./configuration.ts";
import { sql, startDatabase } from "./database.ts";
import { type Launcher, lastWords, logFile } from "./processes.ts";
import type { NetboxSoftware } from "./software.ts";

/** Where a NetBox listens. */
export interface NetboxPlace {
  /** Its data, sockets, logs and secrets; 0700. */
  directory: string;
  address: string;
  port: number;
  launcher: Launcher;
  /** Sends a request where the address is; default: directly. A prefix of a command. */
  reach?: readonly string[];
}

/** Files with secrets in a NetBox's directory, each 0600. */
export function secretFiles(directory: string) {
  const file = (name: string) => join(directory, name);
  return { secrets: file("secrets.json"), token: file("token"), tokenV1: file("token-v1"), password: file("password") };
}

/** Name of the superuser. */
export const netboxUser = "admin";

/** Starts it and waits until its API answers with its token. What it had recorded before is kept. */
export async function startNetbox(software: NetboxSoftware, place: NetboxPlace): Promise<void> {
  const { directory, launcher } = place;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const secrets = ensureSecrets(directory);
  writeConfiguration(directory, secrets);
  const redis = ["--port", "0", "--unixsocket", join(directory, "redis.sock"), "--unixsocketperm", "700", "--save", ""];
  rmSync(join(directory, "redis.sock"), { force: true });
  await Promise.all([
    startDatabase(software, directory, launcher),
    launcher.start({ name: "redis", command: [software.redisServer, ...redis, "--dir", directory] }),
  ]);
  if (!existsSync(secretFiles(directory).token)) await makeUser(software, directory, secrets);
  await startServer(software, place);
}

function ensureSecrets(directory: string): NetboxSecrets {
  const { secrets: file } = secretFiles(directory);
  if (!existsSync(file)) writePrivately(file, JSON.stringify(newSecrets()));
  return JSON.parse(readFileSync(file, "utf8")) as NetboxSecrets;
}

/** The superuser with a token of each kind, as NetBox itself would store them: its own shell takes ten seconds for it. */
async function makeUser(software: NetboxSoftware, directory: string, { pepper }: NetboxSecrets): Promise<void> {
  const files = secretFiles(directory);
  const [password, v1, v2, key] = [word(16), word(40), word(40), word(12)] as const;
  const digest = createHmac("sha256", pepper).update(v2).digest("hex");
  await sql(
    software,
    directory,
    `BEGIN;
DELETE FROM users_token; DELETE FROM users_user WHERE username = '${netboxUser}';
INSERT INTO users_user (password, is_superuser, username, first_name, last_name, email, is_active, date_joined)
  VALUES ('${passwordHash(password)}', true, '${netboxUser}', '', '', '', true, now());
INSERT INTO users_token (created, write_enabled, description, user_id, enabled, version, plaintext)
  SELECT now(), true, 'lab, v1', id, true, 1, '${v1}' FROM users_user;
INSERT INTO users_token (created, write_enabled, description, user_id, enabled, version, key, pepper_id, hmac_digest)
  SELECT now(), true, 'lab, v2', id, true, 2, '${key}', 1, '${digest}' FROM users_user;
COMMIT;
`,
  );
  writePrivately(files.password, password);
  writePrivately(files.tokenV1, v1);
  writePrivately(files.token, `nbt_${key}.${v2}`);
}

/** As Django stores a password. */
function passwordHash(password: string): string {
  const [salt, iterations] = [word(22), 100_000];
  return `pbkdf2_sha256$${iterations}$${salt}$${pbkdf2Sync(password, salt, iterations, 32, "sha256").toString("base64")}`;
}

/** Letters and digits. */
function word(length: number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const letters: string[] = [];
  while (letters.length < length) {
    // Even odds: bytes beyond a multiple of 62 are thrown away.
    for (const byte of randomBytes(length)) if (byte < 248) letters.push(alphabet[byte % 62] ?? "");
  }
  return letters.slice(0, length).join("");
}

async function startServer({ environment }: NetboxSoftware, place: NetboxPlace): Promise<void> {
  const { directory, address, port, launcher, reach = [] } = place;
  const args = [
    "--preload",
    "--no-control-socket",
    "--workers",
    "2",
    "--threads",
    "3",
    "--graceful-timeout",
    "1",
    // On a busy machine some take longer than the 30 s after which a worker would be killed, with whatever else it answers.
    "--timeout",
    "120",
    "--bind",
    `${address}:${port}`,
  ];
  const env = {
    ...process.env,
    NETBOX_ROOT: directory,
    PYTHONPATH: configurationDirectory(directory),
    HOME: directory,
  };
  const command = [join(environment, "bin", "gunicorn"), ...args, "--worker-tmp-dir", directory, wsgiModule];
  const runs = await launcher.start({ name: "gunicorn", command, env });
  const config = `url = "http://${address}:${port}/api/status/"\nheader = "Authorization: Bearer ${readFileSync(secretFiles(directory).token, "utf8")}"\n`;
  const probe = [...reach, "curl", "--silent", "--fail", "--max-time", "20", "--noproxy", "*", "--config", "-"];
  await until(
    { what: "NetBox's answer", boundMs: 120_000, everyMs: 200, lookAt: logFile(directory, "gunicorn") },
    async () => {
      if (!runs()) throw new Failure(`NetBox ended: ${lastWords(directory, "gunicorn")}`);
      const { exitCode } = await execa(probe[0] ?? "", probe.slice(1), { input: config, reject: false });
      return exitCode === 0;
    },
  );
}
