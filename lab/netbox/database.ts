/**
 * The database of a NetBox: PostgreSQL on a socket in a directory of its own. Migrating takes minutes, so the schema comes from
 * a dump that NetBox's own migrations made (schema/), and is restored once for each machine, not for each NetBox.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDirectory } from "../../lib/cache.ts";
import { Failure } from "../../lib/failure.ts";
import { withLock } from "../../lib/lock.ts";
import { step } from "../../lib/progress.ts";
import { until } from "../wait.ts";
import { Children, type Launcher, lastWords, logFile } from "./processes.ts";
import { type NetboxSoftware, netboxVersion } from "./software.ts";

/** The schema of an empty NetBox of this version. */
export const schemaDump = join(import.meta.dirname, "schema", `netbox-${netboxVersion}.sql.xz`);

/** A lab's data is made anew: nothing is waited for until it is on the disk. */
const settings = [
  ...["fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60"],
].flatMap((setting) => ["-c", setting]);

/**
 * Starts the database with everything that NetBox expects in it.
 * @param directory where its data, its socket and its log lie.
 */
export async function startDatabase(software: NetboxSoftware, directory: string, launcher: Launcher): Promise<void> {
  const data = join(directory, "data");
  if (!existsSync(data)) {
    const partial = `${data}.partial`;
    rmSync(partial, { recursive: true, force: true });
    cpSync(await ensureTemplate(software), partial, { recursive: true });
    // PostgreSQL starts on no other mode, and Node.js 22 and 24 do not copy that of a directory.
    chmodSync(partial, 0o700);
    renameSync(partial, data);
  }
  // What a killed one left; the socket's directory is nobody else's.
  rmSync(join(data, "postmaster.pid"), { force: true });
  await startPostgres(software, data, directory, launcher);
}

/** Runs SQL as the owner of NetBox's tables. It goes by standard input. Gives what `psql` prints, without decoration. */
export async function sql({ postgres }: NetboxSoftware, directory: string, text: string): Promise<string> {
  const args = ["-h", directory, "-U", "netbox", "-d", "netbox", "-v", "ON_ERROR_STOP=1", "-qtA"];
  const { exitCode, stdout, stderr } = await execa(join(postgres, "psql"), args, { input: text, reject: false });
  if (exitCode === 0) return stdout;
  throw new Failure(`NetBox's database refused: ${stderr.trim().split("\n").slice(-2).join(" | ")}`);
}

/** Makes an empty data directory. */
export async function createDatabase({ postgres }: NetboxSoftware, data: string): Promise<void> {
  const initdb = [join(postgres, "initdb"), "-D", data, "-A", "trust", "-U", "netbox", "-E", "UTF8"];
  await must([...notRoot(), ...initdb, "--locale=C.UTF-8", "--no-sync"]);
}

/** Starts the server on a data directory and waits until it answers on its socket. */
export async function startPostgres({ postgres }: NetboxSoftware, data: string, sockets: string, launcher: Launcher) {
  const command = [join(postgres, "postgres"), "-D", data, "-k", sockets, ...settings];
  const env = { ...process.env, LC_ALL: "C.UTF-8" };
  const runs = await launcher.start({ name: "postgres", command, as: notRoot(), env });
  const ready = { what: "NetBox's database", boundMs: 60_000, lookAt: logFile(sockets, "postgres") };
  await until(ready, async () => {
    if (!runs()) throw new Failure(`NetBox's database ended: ${lastWords(sockets, "postgres")}`);
    const { exitCode } = await execa(join(postgres, "pg_isready"), ["-q", "-h", sockets], { reject: false });
    return exitCode === 0;
  });
}

/** A data directory with the schema in it, of this version of PostgreSQL; made once. */
async function ensureTemplate(software: NetboxSoftware): Promise<string> {
  const recipe = createHash("sha256")
    .update(software.postgres)
    .update(readFileSync(schemaDump))
    .digest("hex")
    .slice(0, 16);
  const template = cacheDirectory("netbox", `database-${recipe}`);
  const data = join(template, "data");
  if (existsSync(data)) return data;
  await withLock(cacheDirectory("netbox"), async () => {
    if (existsSync(data)) return;
    await step("Restoring NetBox's schema", () => makeTemplate(software, data));
  });
  return data;
}

async function makeTemplate(software: NetboxSoftware, data: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "holdfast-netbox-"));
  const partial = `${data}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const children = new Children(scratch);
  const { postgres } = software;
  try {
    await createDatabase(software, partial);
    await startPostgres(software, partial, scratch, children);
    await must([join(postgres, "createdb"), "-h", scratch, "-U", "netbox", "-T", "template0", "netbox"]);
    const restore = ["-h", scratch, "-U", "netbox", "-d", "netbox", "-v", "ON_ERROR_STOP=1", "-qX"];
    const text = execa("xz", ["--decompress", "--stdout"], { input: createReadStream(schemaDump), encoding: "buffer" });
    await execa(join(postgres, "psql"), restore, { input: Buffer.from((await text).stdout), stdout: "ignore" });
    await children.stop();
    renameSync(partial, data);
  } finally {
    await children.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function must([command = "", ...args]: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await execa(command, args, { reject: false });
  if (exitCode !== 0) throw new Failure(`${args[0]} failed: ${stderr.trim().split("\n").slice(-2).join(" | ")}`);
}

/**
 * PostgreSQL refuses to run as root. In a user namespace root is called otherwise, and keeps what is its own: no file has to
 * be given away, and none has to be put where others may look.
 */
function notRoot(): string[] {
  if (process.getuid?.() !== 0) return [];
  const entry = (file: string, name: string) =>
    readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .find(([first]) => first === name)?.[2];
  const [user, group] = [entry("/etc/passwd", "postgres"), entry("/etc/group", "postgres")];
  if (!user || !group) throw new Failure("there is no user postgres here.", "install Debian's package postgresql anew");
  return ["unshare", "--user", `--map-user=${user}`, `--map-group=${group}`];
}
