/**
 * `npx tsx lab/netbox/dump-schema.ts`: runs NetBox's migrations on an empty database and writes schema/. Some ten minutes.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { runMain } from "../../lib/failure.ts";
import { step } from "../../lib/progress.ts";
import { newSecrets, writeConfiguration } from "./configuration.ts";
import { createDatabase, schemaDump, startPostgres } from "./database.ts";
import { Children } from "./processes.ts";
import { ensureNetboxSoftware } from "./software.ts";

await runMain(async () => {
  const software = await ensureNetboxSoftware();
  const directory = mkdtempSync(join(tmpdir(), "holdfast-schema-"));
  const children = new Children(directory);
  try {
    await createDatabase(software, join(directory, "data"));
    await startPostgres(software, join(directory, "data"), directory, children);
    await children.start({
      name: "redis",
      command: [software.redisServer, "--port", "0", "--unixsocket", join(directory, "redis.sock"), "--save", ""],
    });
    writeConfiguration(directory, newSecrets());
    const { postgres, environment } = software;
    const connection = ["-h", directory, "-U", "netbox"];
    await execa(join(postgres, "createdb"), [...connection, "-T", "template0", "netbox"]);
    const env = { NETBOX_ROOT: directory };
    await step("Migrating", () => execa(join(environment, "bin", "netbox"), ["migrate"], { env }), "5 to 10 min");
    const { stdout } = await execa(join(postgres, "pg_dump"), [...connection, "netbox"], { maxBuffer: 1_000_000_000 });
    const packed = await execa("xz", ["-9e"], { input: stdout, encoding: "buffer" });
    writeFileSync(schemaDump, packed.stdout);
    await execa(join(environment, "bin", "netbox"), ["migrate", "--check"], { env });
  } finally {
    await children.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});
