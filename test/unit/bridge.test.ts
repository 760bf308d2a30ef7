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
  ownersDirectory,
  reassertSeconds,
  ruleArguments,
  script,
  scriptPath,
  units,
} from "../../components/bridge/forward-rule.ts";

/** Answers -C, -I and -D like iptables, on a list of rules in a file, and writes down every such call. */
const standIn = `#!/bin/sh
[ "$3" = -nL ] && exit 0
rules="$STATE/$(basename "$0").rules"; touch "$rules"
echo "$(basename "$0") $*" >> "$STATE/calls"
[ "$1" = -w ] && shift 2
verb=$1; shift
case $verb in
  -C) grep -qxF -e "$*" "$rules" ;;
  -I) { echo "$*"; cat "$rules"; } > "$rules.new" && mv "$rules.new" "$rules" ;;
  *) exit 2 ;;
esac
`;

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "holdfast-bridge-"));
  mkdirSync(join(place, "bin"));
  mkdirSync(join(place, "owners"));
  for (const name of ["iptables", "ip6tables"]) install(name, standIn);
  // The script as it is, with its directory moved to where a test may write.
  writeFileSync(join(place, "script"), script().replaceAll(ownersDirectory, join(place, "owners")), { mode: 0o755 });
});

function install(name: string, content: string): void {
  writeFileSync(join(place, "bin", name), content);
  chmodSync(join(place, "bin", name), 0o755);
}

function own(owner: string, bridge: string): void {
  writeFileSync(join(place, "owners", owner), `${bridge}\n`);
}

function run(): void {
  execFileSync(join(place, "script"), {
    env: { PATH: `${place}/bin:${process.env.PATH}`, STATE: place },
    stdio: "pipe",
  });
}

function linesOf(file: string): string[] {
  const path = join(place, file);
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").filter(Boolean) : [];
}

const rule = (bridge: string) => ruleArguments(bridge);

test("a missing rule is looked for, then inserted at the top, in both families", () => {
  own("home.runners.crunchy", "br0");
  run();
  expect(linesOf("calls")).toEqual([
    `iptables -w 5 -C ${rule("br0")}`,
    `iptables -w 5 -I ${rule("br0")}`,
    `ip6tables -w 5 -C ${rule("br0")}`,
    `ip6tables -w 5 -I ${rule("br0")}`,
  ]);
});

test("a rule that is there is left alone, however often it runs", () => {
  own("home.runners.crunchy", "br0");
  run();
  run();
  run();
  expect(linesOf("iptables.rules")).toEqual([rule("br0")]);
  expect(linesOf("calls").filter((call) => call.includes(" -I "))).toHaveLength(2);
});

test("a flush, as kube-router does it, is made good by the next run", () => {
  own("home.runners.crunchy", "br0");
  run();
  rmSync(join(place, "iptables.rules"));
  run();
  expect(linesOf("iptables.rules")).toEqual([rule("br0")]);
});

test("two owners of one bridge share one rule; another bridge gets its own", () => {
  own("home.runners.crunchy", "br0");
  own("home.pool.crunchy", "br0");
  own("home.lab.crunchy", "br-lab.7");
  run();
  expect(linesOf("iptables.rules").sort()).toEqual([rule("br-lab.7"), rule("br0")]);
});

test("without owners nothing is opened", () => {
  run();
  expect(linesOf("calls")).toEqual([]);
});

test("a host without ip6tables still gets its rule", () => {
  own("home.runners.crunchy", "br0");
  rmSync(join(place, "bin/ip6tables"));
  execFileSync("/bin/sh", [join(place, "script")], { env: { PATH: `${place}/bin:${coreutils()}`, STATE: place } });
  expect(linesOf("iptables.rules")).toEqual([rule("br0")]);
});

/** A PATH entry with the few programs that the script and the stand-in use, and no firewall. */
function coreutils(): string {
  const directory = join(place, "coreutils");
  mkdirSync(directory);
  for (const name of ["cat", "sort", "grep", "touch", "mv", "basename"]) {
    const real = execFileSync("/bin/sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    writeFileSync(join(directory, name), `#!/bin/sh\nexec ${real} "$@"\n`, { mode: 0o755 });
  }
  return directory;
}

test("a rule that cannot be inserted is a failure, not a silence", () => {
  own("home.runners.crunchy", "br0");
  install("iptables", "#!/bin/sh\nexit 3\n");
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
