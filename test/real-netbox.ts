/**
 * The real NetBox of this test run, shared by all test files: each uses subnets, clusters and names of its own there. It is
 * bootstrapped, and started when the first one asks: about 10 s.
 */
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { socketVariable } from "./netbox-service.ts";

/** A NetBox with a superuser's tokens; or why there is none. */
export type RealNetbox = { url: string; token: string; tokenV1: string; missing?: undefined } | { missing: string };

/** For `describe.skipIf(netbox.missing)`. @throws when NetBox should run here and does not. */
export async function realNetbox(): Promise<RealNetbox> {
  const socketPath = process.env[socketVariable];
  if (!socketPath) throw new Error("the test run has no NetBox service: run tests with vitest.config.ts");
  const answer = await new Promise<string>((resolve, reject) =>
    request({ socketPath, path: "/" }, (response) => text(response).then(resolve, reject))
      .on("error", reject)
      .end(),
  );
  const netbox = JSON.parse(answer) as RealNetbox;
  if (netbox.missing !== undefined) {
    if (netbox.missing.startsWith("it does not start")) throw new Error(`NetBox: ${netbox.missing}`);
    process.stderr.write(`tests with a real NetBox are skipped, this machine lacks: ${netbox.missing}\n`);
  }
  return netbox;
}
