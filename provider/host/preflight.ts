/**
 * `holdfast:host:preflight`: looks at everything that must hold before anything is changed, in previews too. Bounded, all
 * of it side by side, and every problem is reported at once. It also pins the host key that the libvirt provider checks.
 */
import { type Check, refuseFailed } from "../../lib/preflight/check.ts";
import { impatient, withSsh } from "../../lib/ssh/connection.ts";
import {
  type Download,
  hostPreflightFunction,
  imageKey,
  type PreflightArgs,
  type PreflightFound,
} from "../../resources/host/preflight.ts";
import { forgeChecks } from "../forge/preflight.ts";
import { tokenFor } from "../forge/token.ts";
import { implementFunction, type Operation } from "../kind.ts";
import { hostChecks, libvirtVersion } from "./checks-host.ts";
import { hasEveryBase } from "./checks-volumes.ts";
import { downloadCheck, knownSize, needlessDownload, workstationChecks } from "./checks-workstation.ts";
import { type Answers, probeHost } from "./host-probe.ts";
import { removeInterrupted } from "./interrupted.ts";

export const preflight = implementFunction(hostPreflightFunction, async (wanted, operation) => {
  const { signal, config, recordVersion } = operation;
  const forgeToken = wanted.forge?.url && tokenFor(config, wanted.forge.url, "inputs");
  const { checks, imageNeeded } = await preflightChecks(wanted, { signal, forgeToken, recordVersion });
  refuseFailed(`stack ${wanted.host.stack} is not ready for ${wanted.host.host}, nothing was changed:`, checks);
  for (const { what, found } of checks.filter(({ status }) => status === "skipped")) {
    operation.log("warning", `not checked that ${what}: ${found}`);
  }
  for (const domain of wanted.update ? await removeInterrupted(wanted, signal) : [])
    operation.log("info", `removed domain ${domain}, not its disk: an update was cut off while it made it`);
  return { address: wanted.host.host, imageNeeded } satisfies PreflightFound;
});

/** What the checks may use besides what they look for. */
export interface PreflightContext {
  signal: AbortSignal;
  /** API token of the forge; secret. */
  forgeToken?: string | undefined;
  /** Whether what stands is about to be destroyed and made anew: the image is needed whatever is there. Default: no. */
  forRebuild?: boolean;
  /** Told what was met, and in which version. */
  recordVersion?: Operation["recordVersion"];
}

/** What was found. */
export interface Found {
  checks: Check[];
  imageNeeded: PreflightFound["imageNeeded"];
}

/** Looks at host, workstation and forge, where there is one, side by side. Never throws: what cannot be looked at is a check too. */
export async function preflightChecks(wanted: PreflightArgs, context: PreflightContext): Promise<Found> {
  const asked = askHost(wanted, context);
  const needed = asked.then(({ answers }) => context.forRebuild === true || !hasEveryBase(wanted, answers));
  const image = wanted.downloads.filter(({ key }) => key === imageKey);
  const others = wanted.downloads.filter(({ key }) => key !== imageKey);
  const [{ answers, check }, workstation, imageChecks, forge] = await Promise.all([
    asked,
    workstationChecks(wanted, others, context.signal),
    imageLooked(image, needed, context.signal),
    reachedForgeChecks(wanted, context),
  ]);
  const host = hostChecks(wanted, answers, image[0] && knownSize(image[0]));
  return { checks: [check, ...host, ...workstation, ...imageChecks, ...forge], imageNeeded: await needed };
}

/** Looks for the image at once, and stops as soon as the host says that nothing needs it. */
async function imageLooked(image: Download[], needed: Promise<boolean>, signal: AbortSignal): Promise<Check[]> {
  const needless = new AbortController();
  const looked = Promise.all(image.map((file) => downloadCheck(file, AbortSignal.any([signal, needless.signal]))));
  // Whoever waits for it hears of an error; nobody does where it is not needed.
  looked.catch(() => {});
  if (await needed) return looked;
  needless.abort();
  return image.map(needlessDownload);
}

/** Never throws; there are no answers then, and the check says why. */
async function askHost(
  wanted: PreflightArgs,
  { signal, recordVersion }: PreflightContext,
): Promise<{ answers: Answers; check: Check }> {
  const { user, host, port } = wanted.host;
  const what = `${user}@${host}:${port} runs commands as root`;
  try {
    const answers = await withSsh(wanted.host, { ...impatient, signal }, (connection) => probeHost(connection, wanted));
    const version = libvirtVersion(answers.libvirt);
    if (version) recordVersion?.("libvirt", version);
    return { answers, check: { what, status: "ok" } };
  } catch (error) {
    const fix = `look at it with: ssh -p ${port} ${user}@${host}`;
    return { answers: {}, check: { what, status: "failed", found: (error as Error).message, fix } };
  }
}

async function reachedForgeChecks({ forge, vms, owner }: PreflightArgs, context: PreflightContext): Promise<Check[]> {
  if (!forge) return [];
  const { url: forgeUrl, problem, scope, registeredUuid, forgeHost } = forge;
  const what = "the forge answers";
  if (!forgeUrl || problem)
    return [{ what, status: "failed", found: problem ?? "its URL is not known; set forge.url" }];
  const { signal, forgeToken: token, recordVersion } = context;
  // A runner is named after its VM.
  const name = vms[0]?.domain ?? "";
  return forgeChecks({ forgeUrl, scope, name, owner, forgeHost, token, registeredUuid, signal, recordVersion }).catch(
    (error: Error) => [{ what, status: "skipped", found: error.message }],
  );
}
