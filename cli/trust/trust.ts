/**
 * `holdfast trust <project>/<stack>`: which host keys the machines of a stack have to show, and which they show. A key that
 * changed is recorded only for who names it after having looked at the machine itself. Nobody is logged in anywhere.
 */

import { Failure } from "../../lib/failure.ts";
import {
  fingerprint,
  type HostKey,
  hostPattern,
  knownHostsFile,
  knownMachines,
  pinKey,
} from "../../lib/ssh/known-hosts.ts";
import { shownKey } from "../../lib/ssh/shown-key.ts";
import { runners } from "../../runners/project.ts";
import { projectNames } from "../projects.ts";
import { Pulumi, type StackPlace, stackPlace } from "../pulumi.ts";
import { resourcesIn, type StateResource } from "../stack.ts";
import { pinnedBy, replaceKey, type Trusted, trustedBy } from "./trusted-keys.ts";

/** Bound on one look, in seconds. */
const lookSeconds = 8;

/** What a look at a machine came to. */
type Look = Trusted & { shown: HostKey | undefined; reason: string };

/**
 * Looks, and records the key that was confirmed by its fingerprint. Exit code 0: all machines that answer show the keys that are
 * known, or the one that does not was confirmed; 1: one shows another.
 * @throws Failure where nothing was looked at, or the confirmed key is none that may be recorded; nothing was changed then.
 */
export async function trust(
  name: string,
  { confirm, json }: { confirm?: string | undefined; json: boolean },
): Promise<number> {
  const place = stackPlace(name, projectNames, runners.name);
  const stack = `${place.project}/${place.stack}`;
  const pulumi = await Pulumi.open();
  const state = await pulumi.ask(place, ["stack", "export"]);
  const recorded = knownMachines().filter((machine) => machine.stack === stack);
  const machines = trustedBy(stack, recorded, resourcesIn(state));
  if (machines.length === 0) throw new Failure(`${stack} knows no machine's host key`, "pulumi up meets them");
  const looks = await Promise.all(machines.map(look));
  if (confirm === undefined) {
    process.stdout.write(json ? `${JSON.stringify(looks.map(plain), null, 2)}\n` : report(stack, looks));
    return looks.some(changed) ? 1 : 0;
  }
  const chosen = looks.filter(changed).find(({ shown }) => fingerprint(shown) === confirm);
  if (!chosen?.shown) {
    throw new Failure(
      `nothing was recorded: no machine of ${stack} shows another key than is known, with the fingerprint ${confirm}`,
      `holdfast trust ${stack} shows them`,
    );
  }
  refuseAnothers(chosen, chosen.shown);
  await record(pulumi, place, state, chosen, chosen.shown);
  process.stdout.write(`✓ ${hostPattern(chosen.host, chosen.port)} has to show ${confirm} from now on, for ${stack}\n`);
  return 0;
}

async function look(trusted: Trusted): Promise<Look> {
  return shownKey(trusted.host, trusted.port, lookSeconds, trusted.key).then(
    (shown) => ({ ...trusted, shown, reason: "" }),
    (error: Error) => ({ ...trusted, shown: undefined, reason: error.message }),
  );
}

function changed({ shown, key }: Look): boolean {
  return shown !== undefined && shown !== key;
}

function plain({ host, port, key, shown, reason }: Look) {
  const seen = shown ? { shown: fingerprint(shown) } : { reason };
  return { host, port, known: fingerprint(key), ...seen };
}

function report(stack: string, looks: readonly Look[]): string {
  const lines = looks.flatMap((one) => {
    const where = hostPattern(one.host, one.port);
    if (one.shown === undefined) return [`- ${where} was not looked at: ${one.reason}`];
    if (!changed(one)) return [`✓ ${where} shows ${fingerprint(one.key)}, as known`];
    return [
      `✗ ${where} shows ${fingerprint(one.shown)}, and has to show ${fingerprint(one.key)}`,
      "  → compare on the machine's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
      `    where it really has that key: holdfast trust ${stack} --confirm ${fingerprint(one.shown)}`,
    ];
  });
  return `${stack}\n\n${lines.join("\n")}\n`;
}

/** @throws Failure where the key is known as another machine's: what answers there leads on to that one. */
function refuseAnothers({ host, port }: Trusted, shown: HostKey): void {
  const other = knownMachines().find(({ key, pattern }) => key === shown && pattern !== hostPattern(host, port));
  if (!other) return;
  throw new Failure(
    `nothing was recorded: what answers at ${hostPattern(host, port)} shows the key of ${other.pattern}, as ${other.stack} knows it, and leads there`,
    `where both are one machine: ssh-keygen -R '${other.pattern}' -f ${knownHostsFile(other.stack)}`,
  );
}

/** Puts the key where the next update looks for it: into the state, where that has it, and into known_hosts. */
async function record(
  pulumi: Pulumi,
  place: StackPlace,
  state: string,
  trusted: Trusted,
  shown: HostKey,
): Promise<void> {
  const exported = JSON.parse(state) as { deployment: { resources?: (StateResource & { inputs?: unknown })[] } };
  const resources = exported.deployment.resources ?? [];
  const pins = pinnedBy(resources, trusted);
  if (pins.length > 0) {
    throw new Failure(
      `nothing was recorded: the key of ${trusted.host} is pinned by ${pins.join(", ")}`,
      "change it where it is configured (host.hostKey, forge.ssh.hostKey, the site contract); a VM of a pool whose key the stack made: holdfast rebuild",
    );
  }
  if (replaceKey(resources, trusted, shown) > 0) await pulumi.ask(place, ["stack", "import"], JSON.stringify(exported));
  pinKey(knownHostsFile(trusted.stack), trusted.host, trusted.port, shown);
}
