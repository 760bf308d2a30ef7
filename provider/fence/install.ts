/**
 * What a fence consists of on its machine, the scripts that put it in force and take it away, and the checks that it is.
 */
import { isName } from "../../components/fence/policy.ts";
import { shellScript } from "../../lib/shell.ts";
import type { EgressPolicy, Exception } from "../../resources/egress-policy.ts";
import { type FenceKind, rules, tableOf } from "./rules.ts";
import { egressFence, fencesDirectory, reassertSeconds, scriptPath } from "./script.ts";

/** Unit that loads all fences of a machine again. */
export const timerName = "holdfast-egress-fence.timer";

/** Unit that loads them at boot, before any VM or job is started. */
export const serviceName = "holdfast-egress-fence.service";

/** Program that libvirt (6.5 and later) calls when a domain starts, beside those of other people. */
export const hookPath = "/etc/libvirt/hooks/qemu.d/holdfast-egress-fence";

/** A file of a fence. */
export interface FenceFile {
  path: string;
  content: string;
  mode: "0644" | "0755";
}

/** Everything that a fence consists of on its machine. */
export function fenceFiles(owner: string, kind: FenceKind, policy: EgressPolicy): FenceFile[] {
  const directory = `${fencesDirectory}/${owner}`;
  const own = [
    { path: `${directory}/rules.nft`, content: rules(owner, kind, policy) },
    { path: `${directory}/settings`, content: settings(owner, kind, policy) },
  ];
  const programs = [{ path: scriptPath, content: egressFence.text }];
  if (kind.layer === "bridge") programs.push({ path: hookPath, content: hook.text });
  return [
    ...programs.map((file): FenceFile => ({ ...file, mode: "0755" })),
    ...[...own, ...units].map((file): FenceFile => ({ ...file, mode: "0644" })),
  ];
}

/** Lines that the script reads: no shell, so that nothing in them is ever executed. */
function settings(owner: string, kind: FenceKind, policy: EgressPolicy): string {
  const lines = [`table ${tableOf(owner, kind)}`, "format 2", "pass goto pass"];
  if (kind.layer === "bridge") {
    // libvirt gives a tap the address of the card at its other end, with `fe` in front; nothing in the VM can change that.
    lines.push(`mac ${kind.mac}`, `tap ${kind.mac.replace(/^../, "fe")}`);
    if (kind.tap) lines.push(`name ${kind.tap}`);
    lines.push(...(kind.known ?? []).map((host) => `known ${host}`));
  }
  if (policy.forge) lines.push(`forge ${policy.forge}`);
  return `${[...lines, ...policy.exceptions.map(allow)].join("\n")}\n`;
}

function allow({ host, protocol, port, lan }: Exception): string {
  const scope = isName(host) ? (lan ? "lan" : "internet") : "address";
  return `allow ${host} ${protocol} ${port ?? "any"} ${scope}`;
}

/**
 * The rules are there when a domain of ours starts, even where they had been flushed; and a tap that had been ours and is
 * now another domain's is let go. It asks systemd, since libvirt's own profile of AppArmor lets a hook run little else.
 * Whatever happens, no domain is kept from starting: one of ours without its rules is closed.
 */
const hook = shellScript(import.meta.dirname, "libvirt-hook.sh");

/** The units that call the script. Without a limit: many VMs may start at once, and each asks for it. */
const units = [
  {
    path: `/etc/systemd/system/${serviceName}`,
    content: `[Unit]
Description=Egress fence of jobs (holdfast)
After=network.target
Before=libvirtd.service virtqemud.service docker.service forgejo-runner.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=${scriptPath} load

[Install]
WantedBy=multi-user.target
`,
  },
  // AccuracySec: without it systemd may add up to a minute to every interval.
  {
    path: `/etc/systemd/system/${timerName}`,
    content: `[Unit]
Description=Load the egress fence again every ${reassertSeconds} s (holdfast)

[Timer]
OnActiveSec=${reassertSeconds}s
OnUnitActiveSec=${reassertSeconds}s
AccuracySec=1s

[Install]
WantedBy=timers.target
`,
  },
];

/** Puts the files of a fence in force and keeps it so across reboots: called with the owner and the layer. */
export const raise = shellScript(import.meta.dirname, "raise-fence.sh");

/** Takes a fence away, and with the last one everything that fences need: called with the owner. */
export const lower = shellScript(import.meta.dirname, "lower-fence.sh");

/** Shell commands that fail when the fence is not in force, by what that means. */
export function fenceChecks(owner: string): Record<string, string> {
  return {
    [`${timerName} does not run`]: `systemctl is-active --quiet ${timerName}`,
    [`${timerName} does not start at boot`]: `systemctl is-enabled --quiet ${timerName} ${serviceName}`,
    // A check that cannot be made finds nothing either.
    "the egress fence is not in force": `found=$(${scriptPath} check ${owner}) && [ -z "$found" ]`,
  };
}
