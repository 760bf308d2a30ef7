/**
 * One real NetBox for a whole test run, started when the first test asks for it (real-netbox.ts) and ended with the run. It
 * belongs to vitest's own process: the worker of the first test may end before the last one is done with it.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RealNetbox } from "./real-netbox.ts";

/** Variable with the socket at which tests ask. */
export const socketVariable = "HOLDFAST_TEST_NETBOX";

/** Called by vitest before its workers start, which inherit the environment. */
export async function setup(): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), "netbox-"));
  const ending: (() => Promise<void>)[] = [];
  let netbox: Promise<RealNetbox> | undefined;
  const door = createServer(async (_request, response) => {
    netbox ??= start(directory, ending).catch((error: Error) => ({ missing: `it does not start: ${error.message}` }));
    response.end(JSON.stringify(await netbox));
  });
  const socket = join(directory, "door");
  await new Promise<void>((resolve) => door.listen(socket, resolve));
  process.env[socketVariable] = socket;
  return async () => {
    delete process.env[socketVariable];
    door.close();
    door.closeAllConnections();
    for (const end of ending) await end();
  };
}

async function start(directory: string, ending: (() => Promise<void>)[]): Promise<RealNetbox> {
  const { ensureNetboxSoftware, missingForNetbox } = await import("../lab/netbox/software.ts");
  const missing = missingForNetbox();
  if (missing.length > 0) return { missing: missing.join(", ") };
  const software = await ensureNetboxSoftware();
  const [{ Children }, { secretFiles, startNetbox }] = await Promise.all([
    import("../lab/netbox/processes.ts"),
    import("../lab/netbox/server.ts"),
  ]);
  const launcher = new Children(directory);
  ending.push(() => launcher.stop());
  const port = await freePort();
  await startNetbox(software, { directory, address: "127.0.0.1", port, launcher });
  const { token, tokenV1 } = secretFiles(directory);
  const url = `http://127.0.0.1:${port}`;
  const access = { url, token: readFileSync(token, "utf8"), tokenV1: readFileSync(tokenV1, "utf8") };
  const [{ NetboxApi }, { bootstrapNetbox }] = await Promise.all([
    import("../lib/netbox/api.ts"),
    import("../provider/netbox/bootstrap.ts"),
  ]);
  await bootstrapNetbox(new NetboxApi({ ...access, signal: AbortSignal.timeout(60_000) }));
  return access;
}

function freePort(): Promise<number> {
  const server: Server = createTcpServer();
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(address instanceof Object ? address.port : 0));
    }),
  );
}
