/**
 * The bridge rule's script, run by a real shell with stand-ins for iptables and ip6tables that keep a rule list in a file:
 * it looks before it inserts, can be repeated, serves several owners, and touches only the bridges named.
 *
 * Not proven here: that the rule lets frames pass on a real kernel (the lab ring does).
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import {
  bridgeForwardScript,
  ownersDirectory,
  reassertSeconds,
  scriptPath,
  units,
} from "../../../../provider/host/forward-rule.ts";

/** Answers -C, -I and -D like iptables, on a list of rules in a file, and writes down every such call. */
const standIn = `#!/bin/sh
rules="$STATE/$(basename "$0").rules"; touch "$rules"
echo "$(basename "$0") $*" >> "$STATE/calls"
[ "$1" = -w ] && shift 2
verb=$1; shift
case $verb in
  -C) grep -qxF -e "$*" "$rules" ;;
  -I) { echo "$*"; cat "$rules"; } > "$rules.new" && mv "$rules.new" "$rules" ;;
  -D) grep -qxF -e "$*" "$rules" && { grep -vxF -e "$*" "$rules" > "$rules.new"; mv "$rules.new" "$rules"; } ;;
  *) exit 2 ;;
esac
`;

/** A host whose nftables has nothing of its own. */
const noChains = "#!/bin/sh\nexit 0\n";
const commands = ["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"];

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "holdfast-bridge-"));
  mkdirSync(join(place, "bin"));
  mkdirSync(join(place, "owners"));
  mkdirSync(join(place, "proc"));
  for (const name of commands) install(name, standIn);
  install("nft", noChains);
  writeFileSync(join(place, "proc/if_inet6"), "");
  // The script as it is, with its directories moved to where a test may write.
  const moved = bridgeForwardScript.text
    .replaceAll(ownersDirectory, join(place, "owners"))
    .replaceAll("/proc/net", join(place, "proc"));
  writeFileSync(join(place, "script"), moved, { mode: 0o755 });
});

function install(name: string, content: string): void {
  writeFileSync(join(place, "bin", name), content);
  chmodSync(join(place, "bin", name), 0o755);
}

function own(owner: string, bridge: string): void {
  writeFileSync(join(place, "owners", owner), `${bridge}\n`);
}

function run(...args: string[]): void {
  execFileSync(join(place, "script"), args, {
    env: { PATH: `${place}/bin:${process.env.PATH}`, STATE: place },
    stdio: "pipe",
  });
}

function linesOf(file: string): string[] {
  const path = join(place, file);
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").filter(Boolean) : [];
}

/** Only frames that are bridged, and only across this bridge. */
const rule = (bridge: string) => `FORWARD -i ${bridge} -o ${bridge} -m physdev --physdev-is-bridged -j ACCEPT`;

test("a missing rule is looked for, then inserted at the top, in both families", () => {
  own("home.runners.crunchy", "br0");
  run();
  expect(linesOf("calls")).toEqual([
    `iptables-nft -w 5 -C ${rule("br0")}`,
    `iptables-nft -w 5 -I ${rule("br0")}`,
    `ip6tables-nft -w 5 -C ${rule("br0")}`,
    `ip6tables-nft -w 5 -I ${rule("br0")}`,
  ]);
});

test("a rule that is there is left alone, however often it runs", () => {
  own("home.runners.crunchy", "br0");
  run();
  run();
  run();
  expect(linesOf("iptables-nft.rules")).toEqual([rule("br0")]);
  expect(linesOf("calls").filter((call) => call.includes(" -I "))).toHaveLength(2);
});

test("a flush, as kube-router does it, is made good by the next run", () => {
  own("home.runners.crunchy", "br0");
  run();
  rmSync(join(place, "iptables-nft.rules"));
  run();
  expect(linesOf("iptables-nft.rules")).toEqual([rule("br0")]);
});

test("two owners of one bridge share one rule; another bridge gets its own", () => {
  own("home.runners.crunchy", "br0");
  own("home.pool.crunchy", "br0");
  own("home.lab.crunchy", "br-lab.7");
  run();
  expect(linesOf("iptables-nft.rules").sort()).toEqual([rule("br-lab.7"), rule("br0")]);
});

test("without owners nothing is opened", () => {
  run();
  expect(linesOf("calls")).toEqual([]);
});

test("without IPv6 the rule is for IPv4 alone", () => {
  own("home.runners.crunchy", "br0");
  rmSync(join(place, "proc/if_inet6"));
  run();
  expect(linesOf("calls").map((call) => call.split(" ")[0])).toEqual(["iptables-nft", "iptables-nft"]);
});

test("legacy tables get the rule where they are in use: kube-router may be there", () => {
  own("home.runners.crunchy", "br0");
  writeFileSync(join(place, "proc/ip_tables_names"), "nat\nfilter\n");
  run();
  expect(linesOf("iptables-legacy.rules")).toEqual([rule("br0")]);
  expect(linesOf("ip6tables-legacy.rules")).toEqual([]);
});

test("a check fails while one table lacks the rule, and removing takes it out of all", () => {
  own("home.runners.crunchy", "br0");
  writeFileSync(join(place, "proc/ip_tables_names"), "filter\n");
  run();
  run("check", "br0");
  rmSync(join(place, "iptables-legacy.rules"));
  expect(() => run("check", "br0")).toThrow();
  run();
  run("remove", "br0");
  expect(["iptables-nft.rules", "ip6tables-nft.rules", "iptables-legacy.rules"].flatMap(linesOf)).toEqual([]);
});

test("a rule that cannot be inserted is a failure, not a silence", () => {
  own("home.runners.crunchy", "br0");
  install("iptables-nft", "#!/bin/sh\nexit 3\n");
  expect(run).toThrow();
});

test("the rule is for bridged frames across one bridge and nothing else", () => {
  expect(rule("br0")).toBe("FORWARD -i br0 -o br0 -m physdev --physdev-is-bridged -j ACCEPT");
});

test("the timer calls the script at boot and then at the interval that is said", () => {
  const [service = "", timer = ""] = Object.values(units());
  expect(Object.keys(units()).map((path) => path.replace(/.*\//, ""))).toEqual([
    "libvirt-bridge-forward.service",
    "libvirt-bridge-forward.timer",
  ]);
  expect(service).toContain(`ExecStart=${scriptPath}\n`);
  expect(timer).toMatch(new RegExp(`OnBootSec=5s\\nOnUnitActiveSec=${reassertSeconds}s\\nAccuracySec=1s`));
  expect(timer).toContain("WantedBy=timers.target");
});
