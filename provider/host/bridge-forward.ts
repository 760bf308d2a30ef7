/**
 * `holdfast:host:BridgeForward`: the rule that opens a VM bridge on a hypervisor, and the timer that puts it back.
 */
import { shellQuote, shellScript } from "../../lib/shell.ts";
import { impatient, type SshConnection, withSsh } from "../../lib/ssh/connection.ts";
import {
  type BridgeForwardInputs,
  type BridgeForwardState,
  bridgeForwardKind,
} from "../../resources/host/bridge-forward.ts";
import { implement, type Operation } from "../kind.ts";
import { forgetGoneVms } from "../runner/vm-host-key.ts";
import { failedChecks, intact } from "./checks.ts";
import { bridgeForwardScript, ownersDirectory, scriptPath, timerName, units } from "./forward-rule.ts";

export const bridgeForward = implement(bridgeForwardKind, {
  async create(inputs) {
    await withSsh(inputs.host, impatient, (host) => install(host, inputs));
    return { id: `${inputs.host.host}/${inputs.owner}`, state: inputs };
  },

  async read(id, state, operation) {
    if (!state) throw new Error("the bridge rule cannot be imported; `pulumi up` installs it over what is there");
    const [drift] = await withSsh(state.host, impatient, (host) =>
      Promise.all([wrongWith(host, state), warnOfLibvirt(host, operation)]),
    );
    const { host, bridge, owner } = state;
    return { id, state: { ...state, drift }, inputs: { host, bridge, owner } };
  },

  async update(_id, state, inputs, operation) {
    if (state.host.host !== inputs.host.host || state.bridge !== inputs.bridge) {
      await leave(state, operation);
    }
    await withSsh(inputs.host, impatient, (host) => install(host, inputs));
    return inputs;
  },

  async delete(_id, state) {
    await withSsh(state.host, impatient, (host) => remove(host, state));
  },
});

/** The libvirt provider, which a refresh asks at the same time, says neither which host it means nor what to do. */
async function warnOfLibvirt(host: SshConnection, operation: Operation): Promise<void> {
  const { code } = await host.run("timeout 5 virsh -q -c qemu:///system version >/dev/null 2>&1");
  if (code === 0) return;
  operation.log(
    "warning",
    `libvirt on ${host.target.host} does not answer; sudo systemctl enable --now libvirtd there, or restart it where it hangs`,
  );
}

/** Takes the rule away from where it is no longer wanted. A host that is gone for good must not stop the move to another. */
async function leave(state: BridgeForwardState, operation: Operation): Promise<void> {
  await withSsh(state.host, impatient, (host) => remove(host, state)).catch((error: Error) =>
    operation.log("warning", `the rule for ${state.bridge} stays on ${state.host.host}: ${error.message}`),
  );
}

async function install(host: SshConnection, { bridge, owner }: BridgeForwardInputs): Promise<void> {
  await host.writeFiles([
    { path: `${ownersDirectory}/${owner}`, content: `${bridge}\n`, mode: "0644" },
    { path: scriptPath, content: bridgeForwardScript.text, mode: "0755" },
    ...Object.entries(units()).map(([path, content]) => ({ path, content, mode: "0644" })),
  ]);
  await host.must(`systemctl daemon-reload && systemctl enable --now ${timerName} && ${scriptPath}`);
  const wrong = await wrongWith(host, { bridge, owner });
  if (wrong.length > 0)
    throw new Error(`on ${host.target.host}: ${wrong.join("; ")}; look at \`systemctl status ${timerName}\``);
}

/** What keeps the rule from being in force, in words; nothing when it is. */
function wrongWith(
  host: SshConnection,
  { bridge, owner }: Pick<BridgeForwardInputs, "bridge" | "owner">,
): Promise<string[]> {
  return failedChecks(host, {
    ...intact({ ...units(), [scriptPath]: bridgeForwardScript.text }),
    [`the rule for ${bridge} is not in force`]: `${scriptPath} check ${bridge}`,
    [`${timerName} does not run`]: `systemctl is-active --quiet ${timerName}`,
    [`${timerName} does not start at boot`]: `systemctl is-enabled --quiet ${timerName}`,
    [`${ownersDirectory}/${owner} is missing`]: `grep -qxF ${shellQuote(bridge)} ${ownersDirectory}/${owner}`,
  });
}

const removal = shellScript(import.meta.dirname, "remove-bridge-forward.sh");

async function remove(host: SshConnection, { bridge, owner }: BridgeForwardInputs): Promise<void> {
  // The script there may be an older release's, which cannot remove.
  await host.writeFiles([{ path: scriptPath, content: bridgeForwardScript.text, mode: "0755" }]);
  await host.must(forgetGoneVms.call());
  await host.must(removal.call(bridge, owner));
}
