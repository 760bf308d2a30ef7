/**
 * Records the states of a template and a pool as today's code makes them, with the simulated cluster behind them. The states
 * keep their secrets encrypted; the token in them is one of a simulation that is gone. Run it by `npx tsx`, then
 * `npm run format`, then look at what changed with `git diff`: test/engine/recorded-pool.test.ts is about states that users have.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runMain } from "../../lib/failure.ts";
import { generateKeyPair } from "../../lib/ssh/key-pair.ts";
import { Engine } from "./engine.ts";
import {
  configureRecorded,
  placeholders,
  recordedCluster,
  recordedFile,
  recordedImage,
  recordedStacks,
  recording,
} from "./recorded-pool.ts";

await runMain(async () => {
  const proxmox = await recordedCluster();
  const engine = await Engine.open("proxmoxve");
  try {
    proxmox.publish(recordedImage.url, recordedImage);
    const { publicKey, privateKey } = generateKeyPair("recorded");
    const keyFile = join(engine.env.HOME ?? "", "id_ed25519");
    writeFileSync(keyFile, privateKey, { mode: 0o600 });
    engine.env.RUNNER_SSH_KEY_PATH = keyFile;
    const key = publicKey.split(" ").slice(0, 2).join(" ");
    await configureRecorded(engine, proxmox, key);
    mkdirSync(recording, { recursive: true });
    const clean = (text: string) =>
      withoutPositions(
        text.replaceAll(proxmox.url, placeholders.url).replaceAll(engine.env.HOME ?? "", placeholders.home),
      );
    for (const [project, stack] of recordedStacks) {
      await engine.must(project, "up", "--yes", "--skip-preview", "--stack", stack);
      writeFileSync(recordedFile(project), clean(await engine.state(project, stack)));
    }
    const { PULUMI_CONFIG_PASSPHRASE: passphrase } = engine.env;
    writeFileSync(recordedFile("about"), `${JSON.stringify({ passphrase, publicKey: key }, null, 2)}\n`);
    writeFileSync(recordedFile("cluster"), `${JSON.stringify(proxmox.snapshot(), null, 2)}\n`);
  } finally {
    engine.close();
    await proxmox.stop();
  }
});

/** Where in the program a resource stands is of the machine that it ran on. */
function withoutPositions(state: string): string {
  const own = new Set(["sourcePosition", "stackTrace"]);
  return `${JSON.stringify(JSON.parse(state), (key, value) => (own.has(key) ? undefined : value), 2)}\n`;
}
