/**
 * The site's forge: a real Gitea in a namespace of its own, and beside it an SSH server with Forgejo's command line,
 * which is a stand-in (see `stand-ins/forgejo`).
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { Failure } from "../lib/failure.ts";
import { cgroupPath, makeCgroup, removeCgroup } from "./cgroups.ts";
import { dataInside, refreshForgeHost, sshFiles } from "./forge-host.ts";
import { ensureKey, publicKey } from "./keys.ts";
import { isPluggedIn, plugIn } from "./lan.ts";
import { type Layout, network } from "./layout.ts";
import { netnsExec } from "./namespaces.ts";
import { isAlive, recordedProcess, startDaemon } from "./processes.ts";
import { bootRoot, firstProcess, isSeeded, type RootSystem, seedRoot } from "./root-system.ts";
import { writePrivately } from "./secrets.ts";
import { sshdProcess } from "./sshd.ts";
import { until } from "./wait.ts";

/** The forge's address as its clients know it, and its only user. */
export const forgeUrl = "http://forge.lab:3000";
export const forgeAdmin = "holdfast";

/** The program that serves the forge. */
export interface ForgeProgram {
  /** The Gitea binary. Absolute. */
  binary: string;
  /** The directory with its templates and options; `undefined` for a server that has them built in. Absolute. */
  staticRoot: string | undefined;
}

/** The SSH side of the forge: a root with only sshd in it. */
export function forgeSystem(layout: Layout, image: string): RootSystem {
  return {
    layout,
    part: "forge",
    image,
    ...sshdProcess,
    binds: { [layout.path("forge", "data")]: dataInside },
  };
}

/** Whether server and SSH side run and the API token is there. */
export async function forgeStands(system: RootSystem): Promise<boolean> {
  const { layout } = system;
  return (
    isAlive(recordedProcess(layout.path("forge", "gitea.json"))) &&
    firstProcess(system) !== undefined &&
    existsSync(layout.path("forge", "token")) &&
    (await isPluggedIn(layout, "forge"))
  );
}

/** Starts the forge anew: about 3 s the first time. Repositories and runners of an earlier run are kept. */
export async function startForge(system: RootSystem, program: ForgeProgram): Promise<void> {
  const { layout } = system;
  await removeCgroup(cgroupPath(layout.name, "forge"));
  mkdirSync(layout.path("forge", "data"), { recursive: true });
  await ensureKey(layout.path("forge", "ssh_host_ed25519_key"), "root@forge");
  await plugIn(layout, "forge", network.forge);
  await Promise.all([startServer(layout, program), startSsh(system)]);
  refreshForgeHost(system);
}

async function startSsh(system: RootSystem): Promise<void> {
  if (!isSeeded(system)) seedRoot(system, sshFiles(system));
  await bootRoot(system);
}

async function startServer(layout: Layout, program: ForgeProgram): Promise<void> {
  const config = layout.path("forge", "app.ini");
  const text = existsSync(config) ? readFileSync(config, "utf8") : serverConfig(layout);
  // Where the program's templates are may have changed since the file was written.
  writePrivately(config, text.replace(/^STATIC_ROOT_PATH *=.*$/m, `STATIC_ROOT_PATH = ${program.staticRoot ?? ""}`));
  const env = { ...process.env, HOME: layout.path("forge", "data") };
  await startDaemon({
    command: "ip",
    args: netnsExec(layout.netns("forge"), program.binary, ["web", "--config", config]),
    logFile: layout.path("forge", "gitea.log"),
    recordFile: layout.path("forge", "gitea.json"),
    cgroup: makeCgroup(layout.name, "forge"),
    env,
  });
  await untilAnswers(layout);
  if (!existsSync(layout.path("forge", "token"))) await makeAdmin(layout, program, env);
}

async function untilAnswers(layout: Layout): Promise<void> {
  const log = layout.path("forge", "gitea.log");
  const server = recordedProcess(layout.path("forge", "gitea.json"));
  const curl = ["--silent", "--fail", "--max-time", "5", `http://${network.forge}:3000/api/v1/version`];
  await until({ what: "the forge's answer", boundMs: 60_000, everyMs: 100, lookAt: log }, async () => {
    if (!isAlive(server)) throw new Failure(`the forge ended: ${lastLines(log)}`, `look at ${log}`);
    const probe = await execa("ip", netnsExec(layout.netns("forge"), "curl", curl), { reject: false });
    return probe.exitCode === 0;
  });
}

function lastLines(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-3).join(" | ");
}

/** Makes the admin user and its API token. Neither password nor token is ever an argument: the server makes them up. */
async function makeAdmin(layout: Layout, program: ForgeProgram, env: NodeJS.ProcessEnv): Promise<void> {
  const cli = async (...args: string[]) => {
    const result = await execa(
      program.binary,
      ["--config", layout.path("forge", "app.ini"), "admin", "user", ...args],
      {
        env,
        reject: false,
      },
    );
    return {
      ...result,
      failure: () => new Failure(`gitea admin user ${args[0]}: ${result.stderr.trim()}`, "bring the site down and up"),
    };
  };
  const user = await cli(
    ...["create", "--admin", "--username", forgeAdmin, "--email", `${forgeAdmin}@forge.lab`],
    ...["--random-password", "--must-change-password=false"],
  );
  // A run that was killed here before may have made the user, but not saved its token: make another one.
  if (user.exitCode !== 0 && !/already exists/.test(user.stderr + user.stdout)) throw user.failure();
  const password = /generated random password is '(.*)'/.exec(user.stdout)?.[1];
  if (password) writePrivately(layout.path("forge", "password"), `${password}\n`);
  // The command line writes to the database of the running server, which may hold it at that moment.
  const wait = {
    what: "the forge's API token",
    boundMs: 60_000,
    everyMs: 500,
    lookAt: layout.path("forge", "gitea.log"),
  };
  const value = await until(wait, async () => {
    const name = ["--username", forgeAdmin, "--token-name", `lab-${randomBytes(4).toString("hex")}`];
    const token = await cli("generate-access-token", ...name, "--scopes", "all", "--raw");
    const last = token.stdout.trim().split("\n").at(-1);
    return token.exitCode === 0 && last && /^[0-9a-f]{40}$/.test(last) ? last : undefined;
  });
  writePrivately(layout.path("forge", "token"), value);
}

function serverConfig(layout: Layout): string {
  const data = layout.path("forge", "data");
  const sections: Record<string, Record<string, string | number | boolean>> = {
    server: {
      HTTP_ADDR: network.forge,
      HTTP_PORT: 3000,
      STATIC_ROOT_PATH: "",
      ROOT_URL: `${forgeUrl}/`,
      DISABLE_SSH: true,
      OFFLINE_MODE: true,
      LFS_START_SERVER: false,
    },
    database: { DB_TYPE: "sqlite3", PATH: join(data, "forge.db") },
    security: { INSTALL_LOCK: true, SECRET_KEY: secret(), INTERNAL_TOKEN: secret() },
    oauth2: { ENABLED: false, JWT_SECRET: randomBytes(32).toString("base64url") },
    service: { DISABLE_REGISTRATION: true },
    repository: { DEFAULT_BRANCH: "main" },
    indexer: { ISSUE_INDEXER_TYPE: "db" },
    log: { MODE: "console", LEVEL: "Info" },
    // Forgejo reads the first one; Gitea can be told to.
    actions: { ENABLED: true, DEFAULT_ACTIONS_URL: "self", WORKFLOW_DIRS: ".forgejo/workflows,.gitea/workflows" },
    "cron.update_checker": { ENABLED: false },
  };
  const head = [
    "RUN_USER = root",
    "RUN_MODE = prod",
    "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true",
    `WORK_PATH = ${data}`,
  ];
  const body = Object.entries(sections).flatMap(([section, values]) => [
    `[${section}]`,
    ...Object.entries(values).map(([key, value]) => `${key} = ${value}`),
  ]);
  return `${[...head, ...body].join("\n")}\n`;
}

function secret(): string {
  return randomBytes(32).toString("hex");
}

/** The public host key of the forge's SSH server. */
export function forgeHostKey(layout: Layout): string {
  return publicKey(layout.path("forge", "ssh_host_ed25519_key"));
}
