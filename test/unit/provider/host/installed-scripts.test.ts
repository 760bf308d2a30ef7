/**
 * Scripts that are installed on hosts, or clean up there, name the same places as the code that installs them and looks at them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tapName, tapPrefix } from "../../../../components/fence/tap.ts";
import * as fence from "../../../../provider/fence/install.ts";
import { passed } from "../../../../provider/fence/rules.ts";
import { egressFence, fencesDirectory, reassertSeconds, scriptPath } from "../../../../provider/fence/script.ts";
import * as bridge from "../../../../provider/host/forward-rule.ts";
import { vmKeysDirectory } from "../../../../provider/runner/vm-host-key.ts";

const provider = join(import.meta.dirname, "../../../../provider");
const script = (name: string) => readFileSync(join(provider, name), "utf8");

test("the fence's scripts", () => {
  const { serviceName, timerName, hookPath } = fence;
  const places: Record<string, string[]> = {
    "fence/egress-fence.sh": [`fences=${fencesDirectory} `, `${reassertSeconds} s`, `iifname "${tapPrefix}*"`],
    "fence/libvirt-hook.sh": [`${fencesDirectory}/*/settings`, `systemctl start ${serviceName}`],
    "fence/raise-fence.sh": [`${scriptPath} raise`, serviceName, timerName],
    "fence/lower-fence.sh": [fencesDirectory, scriptPath, serviceName, timerName, hookPath, `/${tapPrefix}*`],
  };
  for (const [name, all] of Object.entries(places)) for (const place of all) expect(script(name)).toContain(place);
  expect(tapName("a", "b")).toMatch(new RegExp(`^${tapPrefix}`));
  expect(egressFence.text.match(/meta mark (!= )?0x\w+/g)).toEqual([`meta mark != ${passed}`, `meta mark ${passed}`]);
});

test("the bridge rule's scripts", () => {
  const { ownersDirectory, reassertSeconds, scriptPath, units } = bridge;
  const places: Record<string, string[]> = {
    "host/bridge-forward.sh": [ownersDirectory, `${reassertSeconds} s`],
    "host/remove-bridge-forward.sh": [ownersDirectory, scriptPath, bridge.timerName, ...Object.keys(units())],
    "runner/forget-gone-vms.sh": [`keys=${vmKeysDirectory}\n`],
    "runner/keep-vm-key.sh": [`keys=${vmKeysDirectory}\n`],
  };
  for (const [name, all] of Object.entries(places)) for (const place of all) expect(script(name)).toContain(place);
});
