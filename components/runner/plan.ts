/**
 * What has to stand on a VM for a runner to serve: files, commands and bounds. Pure; the plugin carries it out.
 */
import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { imageOf, withScheme } from "../../lib/runner-labels.ts";
import { shellQuote, shellScript } from "../../lib/shell.ts";

/** Account that the runner runs as on the VM. */
export const account = "forgejo-runner";

/** Directory of the runner on the VM: its registration, its configuration and its work. */
export const directory = "/var/lib/forgejo-runner";

/** Where the same directory is seen from inside the runner's container. */
const containerDirectory = "/data";

/** User id that the official runner image runs as. */
const containerUser = 1000;

/** How the runner is started. */
export type Execution =
  /** A program from `url` (https, http or file), refused unless its SHA-256 is `sha256`, run by systemd. */
  | { kind: "binary"; url: string; sha256: string }
  /** A container image (`name@sha256:…`, or `name:tag` until it was looked up), run by docker. */
  | { kind: "container"; image: string };

/** A runner as it is to be. */
export interface RunnerSettings {
  uuid: string;
  /** The runner's own token; secret. */
  token: string;
  name: string;
  forgeUrl: string;
  /** What the runner offers, for example `fenced` or `heavy:docker://node:24`. */
  labels: string[];
  /** Image of the container in which a job runs whose label names none. Undefined in states of earlier releases alone. */
  jobImage?: string | undefined;
  /** References by digest of images whose tag has been looked up, by the reference that was looked up. */
  resolvedImages?: Readonly<Record<string, string>> | undefined;
  /** Jobs at a time. */
  capacity: number;
  /** Seconds that a running job is given to finish when the runner is stopped. */
  drainSeconds: number;
  execution: Execution;
}

/** A file on the VM. */
export interface PlannedFile {
  path: string;
  content: string;
  /** Octal text. */
  mode: string;
  /** `user:group`. */
  owner: string;
  /** Fails when it does not say what it must. Absent where every byte counts. */
  intact?: string;
}

/** A container image on the VM. */
export interface PlannedImage {
  /** As configured. */
  reference: string;
  /** What it is known by; by digest, once a tag was looked up. */
  image: string;
  /** Configuration key that names it. */
  key: string;
  /** Fails when it is not there. */
  present: string;
  /** Gets it. */
  pull: string;
}

/** Everything that the VM needs, in the order in which it is done. */
export interface RunnerPlan {
  /** Shell commands that prepare account and directory; safe to repeat. */
  prepare: string;
  /** Images that the VM must have before the runner starts: its own, and those that its jobs run in. */
  images: PlannedImage[];
  files: PlannedFile[];
  /** Starts, or restarts with the new files; a job that runs is given its drain time. */
  start: string;
  /** Stops for good: drains within the bound, then removes what could start again. */
  stop: string;
  /** Succeeds when the runner runs now and will run after a reboot. */
  alive: string;
  /** Prints the runner's log since `$since` (seconds since 1970). */
  log: string;
  /** Bound on `start` and `stop`, in seconds. */
  stopSeconds: number;
}

/** Plans the runner for its way of execution. */
export function planRunner(settings: RunnerSettings): RunnerPlan {
  const stopSeconds = settings.drainSeconds + 30;
  const images = plannedImages(settings);
  const parts =
    settings.execution.kind === "binary"
      ? binaryPlan(settings, stopSeconds, images.length > 0)
      : containerPlan(settings, resolved(settings, settings.execution.image), stopSeconds);
  return { ...parts, images, stopSeconds };
}

/** What an image is known by: a tag, by what it meant when it was looked up. */
function resolved({ resolvedImages = {} }: RunnerSettings, reference: string): string {
  return resolvedImages[reference] ?? reference;
}

function plannedImages(settings: RunnerSettings): PlannedImage[] {
  const { execution, labels, jobImage } = settings;
  const keys = new Map<string, string>();
  if (execution.kind === "container") keys.set(execution.image, "runner.image");
  for (const reference of labels.flatMap((label) => imageOf(label, jobImage) ?? []))
    if (!keys.has(reference)) keys.set(reference, reference === jobImage ? "runner.jobImage" : "runner.labels");
  return [...keys].map(([reference, key]) => {
    const image = resolved(settings, reference);
    const present = `docker image inspect ${shellQuote(image)} >/dev/null 2>&1`;
    return { reference, image, key, present, pull: `docker pull --quiet ${shellQuote(image)}` };
  });
}

/** Labels as the runner is told them: each says where its jobs run. */
function toldLabels(settings: RunnerSettings): string[] {
  return settings.labels.map((label) => {
    const image = imageOf(label, settings.jobImage);
    return withScheme(label, image && resolved(settings, image));
  });
}

/** Path of the runner's program on the VM. */
export const binaryPath = "/usr/local/bin/forgejo-runner";

/** What the runner's log says once the forge has accepted it. The name and version stand around it. */
export const declaredPattern = /declared successfully/;

type Parts = Omit<RunnerPlan, "images" | "stopSeconds">;

/** Prepares the runner's directory; see there. */
const prepare = shellScript(import.meta.dirname, "prepare.sh");
/** Starts the runner's container; see there. */
const startContainer = shellScript(import.meta.dirname, "start-container.sh");

function binaryPlan(settings: RunnerSettings, stopSeconds: number, docker: boolean): Parts {
  const unit = "forgejo-runner.service";
  const owner = `${account}:${account}`;
  return {
    prepare: prepare.call(directory, account, ...(docker ? ["docker"] : []), "account"),
    files: [
      registration(settings, owner),
      { path: `${directory}/config.yml`, content: daemonConfig(settings, directory), mode: "0600", owner },
      { path: `/etc/systemd/system/${unit}`, content: systemdUnit(stopSeconds), mode: "0644", owner: "root:root" },
    ],
    start: `systemctl enable --quiet --no-reload ${unit} && systemctl daemon-reload && systemctl restart ${unit}`,
    stop: `systemctl disable ${unit}; systemctl stop ${unit}; rm -f ${directory}/.runner /etc/systemd/system/${unit}; systemctl daemon-reload`,
    alive: `systemctl is-active --quiet ${unit} && systemctl is-enabled --quiet ${unit}`,
    log: `journalctl --quiet --no-pager -o cat -u ${unit} --since "@$since"`,
  };
}

function containerPlan(settings: RunnerSettings, image: string, stopSeconds: number): Parts {
  const owner = `${containerUser}:${containerUser}`;
  return {
    prepare: prepare.call(directory, containerUser, "docker"),
    files: [
      registration(settings, owner),
      { path: `${directory}/config.yml`, content: daemonConfig(settings, containerDirectory), mode: "0600", owner },
    ],
    start: startContainer.call(account, image, owner, directory, containerDirectory, stopSeconds),
    stop: `docker stop -t ${stopSeconds} ${account}; docker rm ${account}; rm -f ${directory}/.runner`,
    alive: `[ "$(docker inspect -f '{{.State.Running}} {{.State.Restarting}} {{.HostConfig.RestartPolicy.Name}}' ${account} 2>/dev/null)" = "true false unless-stopped" ]`,
    log: `docker logs --since "$since" ${account} 2>&1`,
  };
}

function registration(settings: RunnerSettings, owner: string): PlannedFile {
  const path = `${directory}/.runner`;
  const digest = createHash("sha256").update(JSON.stringify(settings.token)).digest("hex");
  // Runners before 12 write it anew when they start, with words and labels of their own.
  const has = (name: string, value: string) =>
    `grep -qF ${shellQuote(`${JSON.stringify(name)}: ${JSON.stringify(value)}`)} ${path}`;
  const intact = `${has("uuid", settings.uuid)} && ${has("address", settings.forgeUrl)} &&
sed -n 's/^ *"token": \\(".*"\\),$/\\1/p' ${path} | tr -d '\\n' | sha256sum | grep -q '^${digest} '`;
  return { path, content: registrationFile(settings), mode: "0600", owner, intact };
}

/** The runner's registration as the runner itself would have written it. Holds the runner's token. */
export function registrationFile(settings: RunnerSettings): string {
  const { uuid, name, token, forgeUrl } = settings;
  const labels = toldLabels(settings);
  const warning = "This file is written by holdfast. Do not edit it: the next deployment puts it back.";
  return `${JSON.stringify({ WARNING: warning, id: 0, uuid, name, token, address: forgeUrl, labels }, null, 2)}\n`;
}

/** Configuration of the runner's daemon. `home` is its directory as the daemon sees it. */
export function daemonConfig(settings: RunnerSettings, home: string): string {
  return stringify({
    log: { level: "info" },
    runner: {
      file: `${home}/.runner`,
      capacity: settings.capacity,
      shutdown_timeout: `${settings.drainSeconds}s`,
      labels: toldLabels(settings),
    },
    // A job gets neither docker's socket ("-") nor anything else of the VM, whatever its workflow asks for. Its image is there.
    container: { docker_host: "-", privileged: false, valid_volumes: [], force_pull: false },
    host: { workdir_parent: `${home}/work` },
    cache: { enabled: false },
  });
}

function systemdUnit(stopSeconds: number): string {
  // KillMode=mixed: only the runner hears SIGTERM; its job goes on until the drain time is over.
  return `[Unit]
Description=Forgejo Actions runner (holdfast)
Wants=network-online.target
After=network-online.target docker.service

[Service]
User=${account}
WorkingDirectory=${directory}
ExecStart=${binaryPath} daemon --config ${directory}/config.yml
Restart=always
RestartSec=5
KillMode=mixed
TimeoutStopSec=${stopSeconds}

[Install]
WantedBy=multi-user.target
`;
}
