/**
 * `holdfast init proxmox`: looks at a cluster of Proxmox VE and records it in the foundation's configuration, from which every
 * stack of the site finds it. Everything that is wrong comes at once, and nothing is recorded then.
 */
import { foundation } from "../../foundation/project.ts";
import { proxmoxKeys } from "../../lib/config/proxmox-keys.ts";
import { type ProxmoxAuthority, siteParts } from "../../lib/contracts/site.ts";
import { Failure } from "../../lib/failure.ts";
import { knownHostsFile, pinKey } from "../../lib/ssh/known-hosts.ts";
import { exitCode, printTable } from "../check-table.ts";
import { ask } from "../prompt.ts";
import { Pulumi, type StackPlace, stackPlace } from "../pulumi.ts";
import { ownValues } from "../stack.ts";
import { clusterLook, type ProxmoxWanted } from "./init-checks.ts";

/** Environment variable with the API token; the provider for Proxmox VE reads the same. */
const tokenVariable = "PROXMOX_VE_API_TOKEN";

/** What the command line says. */
export interface InitOptions {
  endpoint?: string | undefined;
  node?: string | undefined;
  storage?: string[] | undefined;
  bastion?: string | undefined;
  stack?: string | undefined;
  json: boolean;
}

/** Looks, records, and gives the exit code: 0 recorded, 1 something failed, 2 something could not be looked at. */
export async function initProxmox(options: InitOptions): Promise<number> {
  const place = stackPlace(options.stack ?? "shared", [foundation.name], foundation.name);
  const wanted = wantedFrom(options, place);
  const pulumi = await Pulumi.open();
  const authorities = await recordedAuthorities(pulumi, place);
  const token = await tokenOf();
  const known = authorities.proxmox;
  // The key that was recorded for this address is checked, not replaced.
  const hostKey = known?.address === wanted.bastion?.host ? known?.hostKey : undefined;
  const { checks, bastionKey } = await clusterLook({ ...wanted, token }, hostKey);
  const code = exitCode(checks);
  if (code === 0) await record(pulumi, place, authorities, authorityOf(wanted, bastionKey));
  const stack = `foundation/${place.stack}`;
  if (options.json) process.stdout.write(`${JSON.stringify({ stack, recorded: code === 0, checks }, null, 2)}\n`);
  else {
    printTable(`${wanted.endpoint} for ${stack}`, checks);
    process.stdout.write(code === 0 ? recordedText(place) : "\nnothing was recorded\n");
  }
  return code;
}

function recordedText({ stack }: StackPlace): string {
  return `
recorded as foundation:authorities.proxmox of ${stack}; the token is not
  next: pulumi up --stack ${stack}, in the top folder
  then, for each stack that is to use it: pulumi config set site.stack ${stack}
                                          npx holdfast secrets ensure <project>/<stack>
`;
}

/** @throws Failure with everything that is wrong with the command line. */
export function wantedFrom(options: InitOptions, { stack }: StackPlace): Omit<ProxmoxWanted, "token"> {
  const problems: string[] = [];
  const endpoint = proxmoxKeys["proxmox.endpoint"].safeParse(options.endpoint);
  if (!endpoint.data?.startsWith("https://")) problems.push("--endpoint: expected https://<address of a node>:8006");
  const node = options.node ?? "";
  if (!/^[\w.-]+$/.test(node)) problems.push("--node: expected the name of a node");
  const storages = options.storage ?? [];
  if (storages.some((one) => !/^[\w.-]+$/.test(one))) problems.push("--storage: expected the name of a storage");
  const bastion = options.bastion === undefined ? undefined : addressOf(options.bastion);
  if (options.bastion !== undefined && !bastion) problems.push("--bastion: expected an address, or address:port");
  if (problems.length > 0 || !endpoint.data) {
    const list = problems.map((line) => `\n  - ${line}`).join("");
    throw new Failure(
      `nothing was recorded:${list}`,
      "holdfast init proxmox --endpoint URL --node N [--storage S ...]",
    );
  }
  const target = bastion && { ...bastion, user: "root", stack: `foundation/${stack}` };
  return { endpoint: endpoint.data, node, storages: [...new Set(storages)], ...(target ? { bastion: target } : {}) };
}

/** Reads `address`, `address:port` or `[IPv6]:port`. */
export function addressOf(text: string): { host: string; port: number } | undefined {
  const parts = /^(?:\[([\da-f:]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text);
  const host = parts?.[1] ?? parts?.[2] ?? (/^[\da-f]*:[\da-f:]+$/i.test(text) ? text : undefined);
  const port = Number(parts?.[3] ?? 22);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

async function tokenOf(): Promise<string> {
  const otherwise = `export ${tokenVariable}=user@realm!id=uuid`;
  const token = process.env[tokenVariable] || (await ask("API token (not shown): ", { echo: false, otherwise }));
  const { success } = proxmoxKeys["proxmox.token"].safeParse(token);
  if (!success) throw new Failure("nothing was recorded: the token is not user@realm!id=uuid", otherwise);
  return token;
}

type Authorities = ReturnType<(typeof siteParts)["authorities"]["parse"]>;

async function recordedAuthorities(pulumi: Pulumi, place: StackPlace): Promise<Authorities> {
  const { authorities = "{}" } = ownValues(await pulumi.ask(place, ["config", "--json"]), place.project);
  try {
    return siteParts.authorities.parse(JSON.parse(authorities));
  } catch {
    const next = `pulumi preview --stack ${place.stack}, in the top folder, says what`;
    throw new Failure("nothing was recorded: foundation:authorities holds something that cannot be used", next);
  }
}

/** The cluster as the site's contract carries it. */
export function authorityOf(
  { endpoint, node, storages, bastion }: Omit<ProxmoxWanted, "token">,
  hostKey?: string,
): ProxmoxAuthority {
  const { host: address, port = 22 } = bastion ?? {};
  return {
    ...{ url: endpoint, secretKey: "proxmox.token", node },
    ...(storages.length > 0 ? { storages: [...storages] } : {}),
    ...(address === undefined ? {} : { address }),
    ...(port === 22 ? {} : { port }),
    ...(hostKey === undefined ? {} : { hostKey }),
  };
}

async function record(
  pulumi: Pulumi,
  place: StackPlace,
  others: Authorities,
  proxmox: ProxmoxAuthority,
): Promise<void> {
  const objectValue = siteParts.authorities.parse({ ...others, proxmox });
  const entry = { value: JSON.stringify(objectValue), objectValue, secret: false };
  await pulumi.ask(place, ["config", "set-all", "--json", JSON.stringify({ "foundation:authorities": entry })]);
  const { address, port = 22, hostKey } = proxmox;
  const file = knownHostsFile(`foundation/${place.stack}`);
  if (address !== undefined && hostKey !== undefined) pinKey(file, address, port, hostKey as `${string} ${string}`);
}
