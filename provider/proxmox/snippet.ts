/**
 * `holdfast:proxmox:Snippet`: the user data of one VM as a file on a storage of Proxmox VE, written over SSH on the Proxmox
 * host: its API takes no snippets. The content holds a private key; it goes by standard input and stands in no command.
 */
import { type SshConnection, type SshRetry, withSsh } from "../../lib/ssh/connection.ts";
import { type SnippetInputs, type SnippetState, snippetKind } from "../../resources/proxmox/snippet.ts";
import { failedChecks, intact } from "../host/checks.ts";
import { implement, type Operation } from "../kind.ts";

/** All of a pool come at once, and sshd turns some away that have not logged in yet. */
const crowded: SshRetry = { attempts: 4, pauseMs: 2_000, attemptMs: 8_000 };

export const snippet = implement(snippetKind, {
  async create(inputs, operation) {
    await withSsh(inputs.host, patience(operation), (host) => write(host, inputs));
    const volumeId = volumeOf(inputs);
    return { id: volumeId, state: { ...inputs, volumeId } };
  },

  async read(id, state, operation) {
    if (!state) throw new Error("a snippet cannot be imported; `pulumi up` writes it anew");
    const drift = await withSsh(state.host, patience(operation), (host) => wrongWith(host, state));
    const { host, storage, directory, name, content } = state;
    return { id, state: { ...state, drift }, inputs: { host, storage, directory, name, content } };
  },

  async update(_id, state, inputs, operation) {
    // First: another address may be the same host, where a file that is removed last is gone.
    if (state.host.host !== inputs.host.host || pathOf(state) !== pathOf(inputs)) await leave(state, operation);
    await withSsh(inputs.host, patience(operation), (host) => write(host, inputs));
    return { ...inputs, volumeId: volumeOf(inputs) };
  },

  async delete(_id, state, operation) {
    await withSsh(state.host, patience(operation), (host) => remove(host, state));
  },
});

/** Takes the file away from where it is no longer wanted. A host that is gone for good must not stop the move to another. */
async function leave(state: SnippetState, operation: Operation): Promise<void> {
  await withSsh(state.host, patience(operation), (host) => remove(host, state)).catch((error: Error) =>
    operation.log("warning", `${pathOf(state)} with a private host key stays on ${state.host.host}: ${error.message}`),
  );
}

async function write(host: SshConnection, inputs: SnippetInputs): Promise<void> {
  const storage = inputs.directory.replace(/\/[^/]+$/, "") || "/";
  const missing = `the directory of storage ${inputs.storage} is not there; is the storage mounted? pvesm status`;
  await host.must(`[ -d ${storage} ] || { echo '${missing}' >&2; exit 1; }`);
  await host.writeFiles([{ path: pathOf(inputs), content: inputs.content, mode: "0600" }]);
  const wrong = await wrongWith(host, inputs);
  if (wrong.length > 0) throw new Error(`on ${host.target.host}: ${wrong.join("; ")}, just after it was written`);
}

/** What is not as it was written, in words; nothing when all is. */
function wrongWith(host: SshConnection, inputs: SnippetInputs): Promise<string[]> {
  const path = pathOf(inputs);
  return failedChecks(host, {
    ...intact({ [path]: inputs.content }),
    [`${path} can be read by others than root`]: `[ ! -e ${path} ] || [ "$(stat -c %a ${path})" = 600 ]`,
  });
}

async function remove(host: SshConnection, state: SnippetInputs): Promise<void> {
  await host.must(`rm -f ${pathOf(state)}`);
}

function patience({ signal, log }: Operation): SshRetry {
  return { ...crowded, signal, onWait: (text) => log("status", text) };
}

function pathOf({ directory, name }: Pick<SnippetInputs, "directory" | "name">): string {
  return `${directory}/${name}`;
}

function volumeOf({ storage, name }: Pick<SnippetInputs, "storage" | "name">): string {
  return `${storage}:snippets/${name}`;
}
