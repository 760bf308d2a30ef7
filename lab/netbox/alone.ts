/**
 * `npm run lab -- netbox`: a real NetBox on loopback, to look at and to try stacks against, until it is interrupted. What is
 * written into it is there the next time.
 */
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { step } from "../../lib/progress.ts";
import { stateRoot } from "../../lib/state-root.ts";
import { Children } from "./processes.ts";
import { netboxUser, secretFiles, startNetbox } from "./server.ts";
import { ensureNetboxSoftware, netboxVersion } from "./software.ts";

const [address, port] = ["127.0.0.1", 8000] as const;

/** Starts it, says where it is, and ends it when the person does. */
export async function netboxAlone(): Promise<void> {
  const software = await ensureNetboxSoftware();
  const directory = join(stateRoot(), "netbox");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const launcher = new Children(directory);
  const interrupted = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  try {
    await step("Starting NetBox", () => startNetbox(software, { directory, address, port, launcher }), "10 s");
    const { token, password } = secretFiles(directory);
    process.stdout.write(`
✓ NetBox ${netboxVersion} at http://${address}:${port}, user ${netboxUser}
    password   cat ${password}
    API token  export NETBOX_API_TOKEN=$(cat ${token})
    next       npx holdfast netbox bootstrap --url http://${address}:${port}
  it runs until Ctrl-C; its data stays in ${directory}
`);
    await interrupted;
  } finally {
    await step("Ending NetBox", () => launcher.stop());
  }
}
