/**
 * `holdfast:host:preflight`: looks at everything that must hold before anything is changed, in previews too. Bounded, all
 * of it side by side, and every problem is reported at once. It also pins the host key that the libvirt provider checks.
 */
import { z } from "zod";
import { imageKey, type PreflightArgs } from "../../components/preflight/args.ts";
import { type Check, refuseFailed } from "../../components/preflight/check.ts";
import { impatient, withSsh } from "../../components/ssh/connection.ts";
import { forgeChecks } from "../forge/preflight.ts";
import type { Operation, ProviderFunction } from "../kind.ts";
import { sshTarget } from "../ssh/target.ts";
import { hostChecks, libvirtVersion } from "./checks-host.ts";
import { knownSize, workstationChecks } from "./checks-workstation.ts";
import { removeCutOff } from "./cut-off.ts";
import { type Answers, probeHost } from "./host-probe.ts";

const text = z.string().min(1);

const inputs: z.ZodType<PreflightArgs> = z.strictObject({
  host: sshTarget,
  pool: text,
  owner: text,
  domainType: z.enum(["kvm", "qemu"]),
  fenced: z.boolean(),
  vms: z.array(
    z.strictObject({
      domain: text,
      bridge: text,
      volumes: z.strictObject({ base: text, root: text, seed: text }),
      diskGb: z.number(),
      mac: text,
      cidr: z.string().optional(),
      fixes: z.strictObject({ name: text, bridge: text, address: text }),
    }),
  ),
  diskKey: text,
  recordedVolumes: z.array(z.string()),
  recordedDomains: z.array(z.string()).optional(),
  update: z.boolean().optional(),
  downloads: z.array(z.strictObject({ what: text, key: text, url: text, sha256: text, suffix: z.string() })),
  forge: z
    .strictObject({
      url: z.string().optional(),
      problem: z.string().optional(),
      scope: z.string(),
      registeredUuid: z.string().nullable().optional(),
      forgeHost: sshTarget.extend({ command: text }).optional(),
    })
    .optional(),
});

export const preflight: ProviderFunction<PreflightArgs> = {
  token: "holdfast:host:preflight",
  inputs,
  async invoke(wanted, operation) {
    const { signal, config, saw } = operation;
    const checks = await preflightChecks(wanted, { signal, forgeToken: config.forgeToken, saw });
    refuseFailed(`stack ${wanted.host.stack} is not ready for ${wanted.host.host}, nothing was changed:`, checks);
    for (const { what, found } of checks.filter(({ status }) => status === "skipped")) {
      operation.log("warning", `not checked that ${what}: ${found}`);
    }
    for (const domain of wanted.update ? await removeCutOff(wanted, signal) : [])
      operation.log("info", `removed domain ${domain}, not its disk: an update was cut off while it made it`);
    return { address: wanted.host.host };
  },
};

/** What the checks may use besides what they look for. */
export interface PreflightContext {
  signal: AbortSignal;
  /** API token of the forge; secret. */
  forgeToken?: string | undefined;
  /** Told what was met, and in which version. */
  saw?: Operation["saw"];
}

/** Looks at host, workstation and forge, where there is one, side by side. Never throws: what cannot be looked at is a check too. */
export async function preflightChecks(wanted: PreflightArgs, context: PreflightContext): Promise<Check[]> {
  const parts = await Promise.all([
    reachedHostChecks(wanted, context),
    workstationChecks(wanted.downloads, context.signal),
    reachedForgeChecks(wanted, context),
  ]);
  return parts.flat();
}

async function reachedHostChecks(wanted: PreflightArgs, { signal, saw }: PreflightContext): Promise<Check[]> {
  const { user, host, port } = wanted.host;
  const what = `${user}@${host}:${port} runs commands as root`;
  const { answers, check } = await withSsh(wanted.host, { ...impatient, signal }, (connection) =>
    probeHost(connection, wanted),
  ).then(
    (answers): { answers: Answers; check: Check } => ({ answers, check: { what, status: "ok" } }),
    (error: Error): { answers: Answers; check: Check } => ({
      answers: {},
      check: { what, status: "failed", found: error.message, fix: `look at it with: ssh -p ${port} ${user}@${host}` },
    }),
  );
  const version = libvirtVersion(answers.libvirt);
  if (version) saw?.("libvirt", version);
  const image = wanted.downloads.find(({ key }) => key === imageKey);
  return [check, ...hostChecks(wanted, answers, image && knownSize(image))];
}

async function reachedForgeChecks({ forge, vms, owner }: PreflightArgs, context: PreflightContext): Promise<Check[]> {
  if (!forge) return [];
  const { url: forgeUrl, problem, scope, registeredUuid, forgeHost } = forge;
  const what = "the forge answers";
  if (!forgeUrl || problem)
    return [{ what, status: "failed", found: problem ?? "its URL is not known; set forge.url" }];
  const { signal, forgeToken: token, saw } = context;
  // A runner is named after its VM.
  const name = vms[0]?.domain ?? "";
  return forgeChecks({ forgeUrl, scope, name, owner, forgeHost, token, registeredUuid, signal, saw }).catch(
    (error: Error) => [{ what, status: "skipped", found: error.message }],
  );
}
