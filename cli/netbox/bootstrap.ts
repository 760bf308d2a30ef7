/**
 * `holdfast netbox bootstrap`: makes a NetBox ready to be the authority over addresses, and writes the contract by which
 * stacks find it. The same command again changes nothing.
 */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { netboxKeys } from "../../lib/config/netbox-keys.ts";
import { netboxContract, netboxUrl } from "../../lib/contracts/netbox.ts";
import { Failure } from "../../lib/failure.ts";
import { netboxApi } from "../../lib/netbox/access.ts";
import type { SshTarget } from "../../lib/ssh/dial.ts";
import { bootstrapNetbox } from "../../provider/netbox/bootstrap.ts";
import { ask } from "../prompt.ts";
import { addressOf } from "../proxmox/init.ts";

/** Environment variable with the API token. */
export const tokenVariable = "NETBOX_API_TOKEN";

/** Bound on everything, in milliseconds. */
const boundMs = 120_000;

/** What the command line says. */
export interface BootstrapOptions {
  url?: string | undefined;
  file?: string | undefined;
  /** `address` or `address:port` of a machine that leads to it. */
  bastion?: string | undefined;
  json: boolean;
}

/** Makes it ready, writes the contract and gives exit code 0. @throws Failure when it cannot serve, or does not answer. */
export async function bootstrap(options: BootstrapOptions): Promise<number> {
  const { file = "netbox.json", json } = options;
  const url = baseUrlOf(options.url);
  const netboxJumps = jumpsFrom(options.bastion);
  const netboxToken = await tokenOf();
  const signal = AbortSignal.timeout(boundMs);
  const config = { netboxUrl: url, netboxToken, netboxJumps };
  const api = await netboxApi({ config, signal, log: (_, text) => process.stderr.write(`· ${text}\n`) });
  const { netbox, made } = await bootstrapNetbox(api).catch((error: Error) => {
    throw new Failure(`NetBox is not ready, no contract was written: ${error.message}`, undefined, { cause: error });
  });
  const path = resolve(file);
  writeFileSync(path, `${JSON.stringify(netbox, null, 2)}\n`);
  if (json) process.stdout.write(`${JSON.stringify({ file: path, made, ...netbox }, null, 2)}\n`);
  else process.stdout.write(report({ url, version: netbox.version, made, path }));
  return 0;
}

function report({ url, version, made, path }: { url: string; version: string; made: string[]; path: string }): string {
  const clear = url.startsWith("http:") ? "! its URL is http: tokens travel to it in the clear\n" : "";
  return `✓ NetBox ${version} at ${url} is ready; ${made.length === 0 ? "nothing was missing" : `made: ${made.join(", ")}`}
${clear}✓ ${netboxContract.version} is in ${path}; the token is not
  next, for each stack that is to use it: pulumi config set netbox.file ${path}
                                          npx holdfast secrets ensure platform-vm/<stack>
`;
}

/** What people copy from a browser, without the path to the API. */
export function baseUrlOf(text: string | undefined): string {
  const otherwise = "holdfast netbox bootstrap --url https://<NetBox> [--file netbox.json]";
  const url = (text ?? "").replace(/\/+$/, "").replace(/\/api$/, "");
  if (netboxUrl.safeParse(url).success) return url;
  throw new Failure("nothing was changed: --url is not http(s)://<NetBox>, without user or password", otherwise);
}

function jumpsFrom(bastion: string | undefined): SshTarget[] {
  if (bastion === undefined) return [];
  const address = addressOf(bastion);
  if (address) return [{ ...address, user: "root", stack: "foundation/netbox" }];
  throw new Failure("nothing was changed: --bastion is not an address, or address:port");
}

async function tokenOf(): Promise<string> {
  const otherwise = `export ${tokenVariable}=<token of NetBox>`;
  const token = process.env[tokenVariable] || (await ask("API token (not shown): ", { echo: false, otherwise }));
  if (netboxKeys["netbox.token"].safeParse(token).success) return token;
  throw new Failure("nothing was changed: the token is none of NetBox's: 40 characters, or nbt_<key>.<40>", otherwise);
}
