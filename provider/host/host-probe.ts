/**
 * Asks a hypervisor many questions in one SSH round trip. Nothing on the host is changed, every question has a bound, and
 * one that libvirt would have to answer is not asked when libvirt does not.
 */

import { ownerDescription } from "../../lib/owner-mark.ts";
import { shellQuote, shellScript } from "../../lib/shell.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";
import type { HostVm, PreflightArgs } from "../../resources/host/preflight.ts";

/** Exit code and standard output of one question. */
export interface Answer {
  code: number;
  stdout: string;
}

/** Answers by the name of the question. A question that is missing was not answered: nothing was observed. */
export type Answers = Readonly<Record<string, Answer | undefined>>;

/** Bound on everything that is asked, in seconds. */
const boundSeconds = 14;

/** Asks everything that a preflight wants to know. */
export async function probeHost(host: SshConnection, wanted: PreflightArgs): Promise<Answers> {
  const { stdout, stderr, code } = await host.run(probeScript(wanted), { timeoutSeconds: boundSeconds });
  if (!stdout.includes(begin)) {
    throw new Error(`no command runs as root there (exit code ${code}): ${stderr.trim().split("\n")[0] ?? ""}`);
  }
  return parseAnswers(stdout);
}

const begin = "@@ ";
const end = "@= ";

/** The questions as one shell script. Exported for the tests. */
export function probeScript(wanted: PreflightArgs): string {
  const asked = (questions: Record<string, string>) =>
    Object.entries(questions)
      .map(([name, command]) => `echo '${begin}${name}'\n{ ${command}\n} 2>/dev/null\necho "\n${end}$?"`)
      .join("\n");
  const libvirt = 'virsh() { timeout 4 virsh -q -c qemu:///system "$@"; }\nif virsh list >/dev/null 2>&1; then';
  return `export LC_ALL=C
neighbour=${shellQuote(neighbour.text)}
${asked(plainQuestions(wanted))}
${libvirt}
echo '${begin}libvirt'; virsh version --daemon 2>/dev/null; echo "\n${end}0"
directory=$(virsh pool-dumpxml ${shellQuote(wanted.pool)} 2>/dev/null | sed -n 's:.*<path>\\(.*\\)</path>.*:\\1:p' | head -n 1)
${asked(libvirtQuestions(wanted))}
else echo '${begin}libvirt'; echo "${end}1"; fi
${wanted.vms.map(neighbourQuestion).join("\n")}
wait`;
}

function plainQuestions({ vms, owner }: PreflightArgs): Record<string, string> {
  const bridges = [...new Set(vms.map(({ bridge }) => bridge))].flatMap((bridge) => [
    [`bridge ${bridge}`, `ip -d link show dev ${shellQuote(bridge)} type bridge | grep .`],
    [`bridge addresses ${bridge}`, `ip -4 -o addr show dev ${shellQuote(bridge)}`],
  ]);
  return {
    systemd: "test -d /run/systemd/system",
    iptables: "command -v iptables || command -v iptables-nft",
    nft: "command -v nft",
    kvm: "test -c /dev/kvm",
    ...Object.fromEntries(bridges),
    "own addresses": "ip -4 -o addr show",
    // Of every domain with our mark: a VM that is about to get another name still has the address.
    "our cards": `grep -lsF ${shellQuote(`<description>${ownerDescription(owner)}</description>`)} /etc/libvirt/qemu/*.xml | xargs -r -d '\\n' grep -hs '<mac address='`,
  };
}

/** Who answers for an address on the LAN: once in the text, however many VMs there are, for a command line has an end. */
const neighbour = shellScript(import.meta.dirname, "neighbour.sh");

/** Asked in the background, for all VMs at once: who is not there takes a while. The answer is one write, so that none mix. */
function neighbourQuestion(vm: HostVm): string {
  const address = vm.cidr?.split("/")[0];
  if (address === undefined) return "";
  const print = `printf '\\n${begin}neighbour ${address}\\n%s\\n${end}%s\\n' "$seen" "$code"`;
  const asked = [address, vm.bridge, vm.mac].map(shellQuote).join(" ");
  return `{ seen=$(sh -c "$neighbour" neighbour.sh ${asked}); code=$?; ${print}; } 2>/dev/null &`;
}

function libvirtQuestions(wanted: PreflightArgs): Record<string, string> {
  const pool = shellQuote(wanted.pool);
  const questions: Record<string, string> = {
    pool: `virsh pool-info ${pool}`,
    "pool xml": `virsh pool-dumpxml ${pool}`,
    // libvirt's own figure is as old as the last refresh of the pool.
    "pool free": 'df -B1 --output=avail -- "$directory" | tail -n 1',
  };
  if (wanted.host.user !== "root") {
    questions["libvirt as user"] =
      `timeout 4 runuser -u ${shellQuote(wanted.host.user)} -- virsh -q -c qemu:///system list`;
  }
  for (const { domain } of wanted.vms) {
    questions[`domain ${domain}`] = `virsh dumpxml --inactive ${shellQuote(domain)}`;
  }
  for (const name of wanted.vms.flatMap(({ volumes }) => Object.values(volumes))) {
    // A file that libvirt has not listed yet is found by the provider, which refreshes the pool first.
    const unlisted = `test -e "$directory"/${shellQuote(name)}`;
    questions[`volume ${name}`] = `virsh vol-dumpxml --pool ${pool} ${shellQuote(name)} || ${unlisted}`;
    const uses = ["/", "'"].map((before) => `-e ${shellQuote(`${before}${name}'`)}`).join(" ");
    questions[`users of ${name}`] = `grep -lsF ${uses} /etc/libvirt/qemu/*.xml /run/libvirt/qemu/*.xml`;
  }
  return questions;
}

/** Exit code of `timeout` when what it ran took too long: then nothing was answered. */
const timedOut = 124;

/** Reads the script's output back. Exported for the tests. */
export function parseAnswers(output: string): Answers {
  const answers: Record<string, Answer> = {};
  for (const part of `\n${output}`.split(`\n${begin}`).slice(1)) {
    const [, name = "", stdout = "", code] = /^([^\n]*)\n([\s\S]*?)\n?@= (\d+)/.exec(part) ?? [];
    if (code !== undefined && Number(code) !== timedOut) answers[name] = { code: Number(code), stdout: stdout.trim() };
  }
  return answers;
}
