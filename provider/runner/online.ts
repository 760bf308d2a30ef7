/**
 * Starts a runner's daemon and waits until the forge has it. The daemon's own word is the one signal that every forge
 * version has, and it is not enough: a daemon that may run one job, or none, says it too, and ends.
 */
import { setTimeout as pause } from "node:timers/promises";
import { declaredPattern, type RunnerPlan } from "../../components/runner/plan.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";

const onlineSeconds = 120;
/** How long a daemon has to live after its word. One that ends does so at once, and is started again sooner than this. */
const settleMs = 2_000;
const pauseMs = 500;

/** As much of an operation as waiting takes. */
interface Waiting {
  signal: AbortSignal;
}

/**
 * @param runner whose forge is named where it does not come online.
 * @throws with the end of the daemon's log.
 */
export async function online(
  vm: Pick<SshConnection, "run" | "must">,
  { forgeUrl }: { forgeUrl: string },
  plan: Pick<RunnerPlan, "start" | "stopSeconds" | "log" | "alive">,
  { signal }: Waiting,
): Promise<void> {
  const since = (await vm.must("date +%s")).trim();
  const look = async () => (await vm.run(`since=${since}; ${plan.log}`)).stdout;
  await vm.must(plan.start, { timeoutSeconds: plan.stopSeconds + 60 });
  let log = "";
  for (const end = Date.now() + onlineSeconds * 1000; Date.now() < end; await pause(pauseMs, undefined, { signal })) {
    log = await look();
    if (declaredPattern.test(log)) return staysAlive();
  }
  throw new Error(
    `it did not come online at ${forgeUrl} within ${onlineSeconds} s; ${nextStep(log)}. Its log ends with:\n${ending(log)}`,
  );

  /** A daemon that was started again is alive as well: it has given its word twice. */
  async function staysAlive(): Promise<void> {
    await pause(settleMs, undefined, { signal });
    const [now, { code }] = [await look(), await vm.run(plan.alive)];
    const starts = now.split("\n").filter((line) => declaredPattern.test(line)).length;
    if (code === 0 && starts === 1) return;
    throw new Error(
      `the forge accepted it, and it ended${starts > 1 ? `, ${starts} times so far` : ""}: a registration for one job does ` +
        "that, and so does a daemon that lacks what it needs. Mend what its log names, then run `pulumi up` again; for a registration " +
        `for one job make another: pulumi up --replace '**runner-registration'. Its log ends with:\n${ending(now)}`,
    );
  }
}

function nextStep(log: string): string {
  return /unregistered runner/.test(log)
    ? "the forge does not know its registration any more: somebody deleted the row, or registered anew with the same secret. " +
        "Make another: pulumi up --replace '**runner-registration'"
    : "the VM must resolve and reach the forge";
}

function ending(log: string): string {
  return log.trim().split("\n").slice(-8).join("\n");
}
