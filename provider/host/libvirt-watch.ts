/**
 * The libvirt provider waits without any bound: for a libvirtd that takes connections and does not answer, and, where it
 * is an official one, about once in a hundred refreshes for itself (docs/decisions/0012). The engine waits for the provider. So this plugin, which runs beside
 * it, asks the same libvirt from time to time, and looks whether a refresh goes on; where either stands still for long, the
 * provider's process is ended: the command then stops with an error instead of never.
 */
import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { connect, impatient, type SshConnection } from "../../lib/ssh/connection.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import type { Activity } from "../activity.ts";

/** What a question to libvirt came to; `gone` is what the libvirt provider notices by itself. */
export type Answer = "answers" | "silent" | "gone";

/** How patient the watch is, in milliseconds. A command that is shorter than the first period costs nothing. */
export interface WatchPatience {
  periodMs: number;
  silenceMs: number;
}

const usual: WatchPatience = { periodMs: 10_000, silenceMs: 40_000 };
const answerSeconds = 10;

/** Asks until there was no answer for too long; resolves then. Runs on until the process ends otherwise. */
export async function untilSilent(ask: () => Promise<Answer>, patience: WatchPatience = usual): Promise<void> {
  let heard = performance.now();
  for (;;) {
    // Nobody waits for this promise alone: the plugin may end meanwhile.
    await pause(patience.periodMs, undefined, { ref: false });
    const answer = await ask();
    if (answer !== "silent") heard = performance.now();
    else if (performance.now() - heard >= patience.silenceMs) return;
  }
}

/** Asks the libvirt of a hypervisor, over one SSH connection that is kept. */
export function libvirtOf(target: SshTarget): () => Promise<Answer> {
  let connection: SshConnection | undefined;
  const question = `timeout ${answerSeconds} virsh -q -c qemu:///system version >/dev/null 2>&1`;
  return async () => {
    try {
      connection ??= await connect(target, impatient);
      const { code } = await connection.run(question, { timeoutSeconds: answerSeconds + 5 });
      return code === 0 ? "answers" : code === 124 ? "silent" : "gone";
    } catch (error) {
      connection?.abort();
      connection = undefined;
      return /no answer within|took longer than/.test((error as Error).message) ? "silent" : "gone";
    }
  };
}

/** Resolves when a refresh has waited too long for others than this plugin. */
export async function untilStuck(activity: Activity, patience: WatchPatience = usual): Promise<void> {
  while (activity.idleInRefreshMs() < patience.silenceMs) await pause(patience.periodMs, undefined, { ref: false });
}

/** Ends the libvirt provider that an engine has started, without whom the engine waits no longer. Says how many there were. */
export async function endLibvirtProviders(engine: number): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,args="]);
  const processes = [...stdout.matchAll(/^\s*(\d+)\s+(\d+)\s+(\S+)/gm)].map(([, pid, parent, command = ""]) => ({
    pid: Number(pid),
    parent: Number(parent),
    command,
  }));
  const providers = processes.filter(
    ({ parent, command }) => parent === engine && /pulumi-resource-(terraform-provider|libvirt)$/.test(command),
  );
  // The bridge runs the provider proper as a child, which a hung one would leave behind.
  const children = processes.filter(({ parent }) => providers.some(({ pid }) => pid === parent));
  for (const { pid } of [...children, ...providers]) endProcess(pid);
  return providers.length;
}

/** It may have ended by itself meanwhile. */
function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Watches a hypervisor's libvirt for as long as this plugin runs. `tell` reaches the operator, who hears what was really done. */
export async function watchLibvirt(
  target: SshTarget,
  engine: number,
  activity: Activity,
  tell: (text: string) => void,
): Promise<void> {
  const seconds = usual.silenceMs / 1000;
  const look = `ssh -p ${target.port} ${target.user}@${target.host} systemctl status libvirtd`;
  const [what, next] = await Promise.race([
    untilSilent(libvirtOf(target)).then(() => [
      `libvirt on ${target.host} takes connections and does not answer (for ${seconds} s now)`,
      `Look at it with: ${look}; restart it (running VMs stay), then the same command again`,
    ]),
    untilStuck(activity).then(() => [
      `the libvirt provider of ${target.host} has not finished the refresh for ${seconds} s: its client can deadlock`,
      "Nothing was changed; run the same command again",
    ]),
  ]);
  const ended = await endLibvirtProviders(engine).catch((error: Error) => error);
  const outcome =
    typeof ended === "number" && ended > 0
      ? "The libvirt provider, which would wait for ever, was ended"
      : `The libvirt provider waits for ever and could not be ended (${ended instanceof Error ? ended.message : "it was not found"}): interrupt this command twice, then \`pulumi cancel\``;
  tell(`${what}. ${outcome}. ${next}`);
}
