/**
 * What has to be true of a cluster before it is recorded: it answers with a certificate that somebody vouches for, in a
 * version that is known, its token sees node and storages, and its bastion takes root's login. Changes nothing.
 */
import type { PeerCertificate, TLSSocket } from "node:tls";
import { openTls } from "../../lib/http/connect.ts";
import { HttpFailure } from "../../lib/http/failure.ts";
import type { Check } from "../../lib/preflight/check.ts";
import { ProxmoxApi } from "../../lib/proxmox/api.ts";
import { dial, type SshTarget } from "../../lib/ssh/dial.ts";
import { fingerprint, type HostKey, knownHostsFile, recordedKeys } from "../../lib/ssh/known-hosts.ts";
import { apiCheck, nodeChecks } from "../../provider/proxmox/node-checks.ts";

/** The oldest major version that was looked at. */
const oldest = 8;
/** Bound on one dial, in seconds. */
const dialSeconds = 8;

/** A cluster to record. */
export interface ProxmoxWanted {
  /** https. */
  endpoint: string;
  token: string;
  node: string;
  /** The one for VMs' disks first. */
  storages: readonly string[];
  bastion?: SshTarget;
}

/**
 * Looks at all of it. Never throws: what cannot be looked at is a check too.
 * @param hostKey the bastion's, where one is recorded.
 */
export async function clusterLook(
  wanted: ProxmoxWanted,
  hostKey: string | undefined,
): Promise<{ checks: Check[]; bastionKey?: HostKey }> {
  const [cluster, bastion] = await Promise.all([
    apiChecks(wanted),
    wanted.bastion ? bastionCheck(wanted.bastion, hostKey) : undefined,
  ]);
  return {
    checks: [...cluster, ...(bastion ? [bastion.check] : [])],
    ...(bastion?.key ? { bastionKey: bastion.key } : {}),
  };
}

async function apiChecks({ endpoint, token, node, storages }: ProxmoxWanted): Promise<Check[]> {
  const certificate = await certificateCheck(endpoint);
  // A token is sent to nobody else than to whom somebody vouches for.
  if (certificate.status !== "ok") return [certificate];
  const api = new ProxmoxApi({ endpoint, token, insecure: false }, AbortSignal.timeout(60_000));
  const { check, version } = await apiCheck(api);
  if (version === undefined) return [certificate, check];
  const needs = storages.map((id, index) => ({
    id,
    fix: `name one of those with --storage`,
    // Disks of VMs go to the first.
    ...(index === 0 ? { content: "images" } : {}),
  }));
  const there = { node, nodeFix: "name one of those with --node", storages: needs, bridges: [], bridgeFix: "" };
  return [certificate, check, versionCheck(version), ...(await nodeChecks(api, there))];
}

/** Whether the version is one that is known to do. */
export function versionCheck(version: string): Check {
  const what = `it is Proxmox VE ${oldest} or later`;
  if (Number.parseInt(version, 10) >= oldest) return { what, status: "ok", found: version };
  return { what, status: "failed", found: `it is ${version}`, fix: "upgrade the cluster" };
}

/** Whether somebody vouches for the certificate that the endpoint shows: the system, or the site's own authority. */
export async function certificateCheck(endpoint: string): Promise<Check> {
  const what = `${endpoint} shows a certificate that somebody vouches for`;
  const bound = AbortSignal.timeout(dialSeconds * 1000);
  try {
    const socket = await openTls(new URL(endpoint), bound);
    const shown = await shownBy(socket, bound).finally(() => socket.destroy());
    if (socket.authorized) return { what, status: "ok", found: shown };
    const fix = "export SSL_CERT_FILE=<the cluster's authority, /etc/pve/pve-root-ca.pem there>";
    return { what, status: "failed", found: `${shown}: ${socket.authorizationError}`, fix };
  } catch (error) {
    const { message, advice } = HttpFailure.from(error as Error);
    if (advice !== undefined) return { what, status: "failed", found: message, fix: advice };
    const reason = bound.aborted ? `no answer within ${dialSeconds} s` : message;
    const fix = "is --endpoint right, and can this machine reach it?";
    return { what, status: "failed", found: `it does not answer: ${reason}`, fix };
  }
}

/** What stands in the certificate that a socket's other side shows. Rejects when none is shown before the bound. */
function shownBy(socket: TLSSocket, bound: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    // For as long as it lives: an error that nobody listens to ends the process.
    socket.on("error", reject);
    socket.once("secureConnect", () => resolve(certificateText(socket.getPeerCertificate())));
    if (bound.aborted) reject(bound.reason);
    bound.addEventListener("abort", () => reject(bound.reason), { once: true });
  });
}

function certificateText({ fingerprint256, valid_to: until }: PeerCertificate): string {
  return `SHA-256 ${fingerprint256}, valid until ${until}`;
}

/** Whether root logs in, and with which host key the machine answers. A first contact is not recorded here. */
export async function bastionCheck(target: SshTarget, hostKey?: string): Promise<{ check: Check; key?: HostKey }> {
  const { user, host, port, stack } = target;
  const what = `the bastion ${user}@${host}:${port} takes the login`;
  let key = recordedKeys(knownHostsFile(stack), host, port)[0];
  let first = false;
  try {
    const client = await dial({ ...target, ...(hostKey === undefined ? {} : { hostKey }) }, dialSeconds, {
      met(seen) {
        key = seen;
        first = true;
      },
    });
    client.end();
    key = (hostKey as HostKey | undefined) ?? key;
    const shown = `host key ${fingerprint(key)}`;
    const found = first
      ? `${shown}, met for the first time: compare it with ssh-keygen -lf on that machine`
      : `${shown}, as known`;
    return { check: { what, status: "ok", found }, ...(key === undefined ? {} : { key }) };
  } catch (error) {
    const fix = `put your public key into root's authorized_keys there; look at it with: ssh -p ${port} ${user}@${host}`;
    return { check: { what, status: "failed", found: (error as Error).message, fix } };
  }
}
