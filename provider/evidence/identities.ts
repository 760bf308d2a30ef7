/**
 * Who and where: the few facts of a resource that evidence may hold. Everything else stays out, whatever it is; what is
 * listed here gets in only when it looks like what it should be.
 */
import { isIP } from "node:net";
import { fingerprint, knownHostsFile, recordedKeys } from "../../lib/ssh/known-hosts.ts";
import { sshTarget } from "../../resources/ssh-target.ts";
import type { Properties, Value } from "../wire.ts";

/** Facts by name; only those that are known. */
export type Identities = Partial<
  Record<"runnerUuid" | "domainId" | "domain" | "host" | "hostKeyFingerprint" | "address" | "keyFingerprint", string>
>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const name = /^[\w.-]{1,253}$/;

/**
 * What the properties of a resource tell.
 * @param secrets names of properties that are secret: they are not looked at.
 */
export function identitiesOf(properties: Properties, secrets: ReadonlySet<string>): Identities {
  const open = Object.fromEntries(Object.entries(properties).filter(([key]) => !secrets.has(key)));
  const text = (value: Value | undefined, isLegal: (text: string) => boolean) =>
    typeof value === "string" && isLegal(value) ? value : undefined;
  const host = sshTarget.safeParse(open.hypervisor ?? open.host).data;
  const facts: Record<keyof Identities, string | undefined> = {
    runnerUuid: text(open.uuid, (value) => uuid.test(value)),
    domainId: text(open.vmId, (value) => uuid.test(value)),
    domain: text(open.domain, (value) => name.test(value)),
    host: text(host?.host, (value) => isIP(value) !== 0 || name.test(value)),
    hostKeyFingerprint: host && fingerprint(recordedKeys(knownHostsFile(host.stack), host.host, host.port)[0]),
    address: text(open.address, (value) => isIP(value) !== 0),
    keyFingerprint: fingerprint(text(open.publicKey, (value) => /^(ssh|ecdsa)-/.test(value))),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
