/**
 * Bridge aliases: a pool's configuration names the network of its environment, and the environment decides which bridge
 * that is. Everything else is the name of a bridge and passes as it is. Pure.
 */
import type { SiteNetwork } from "../../lib/contracts/site.ts";

type Environment = "dev" | "staging" | "prod" | "shared";

/** Spellings of the environments that aliases know. */
const spellings: Record<string, Environment> = {
  dev: "dev",
  development: "dev",
  stag: "staging",
  stage: "staging",
  staging: "staging",
  prod: "prod",
  production: "prod",
  shared: "shared",
};

/** Bridge by alias and environment; `shared` has no workload network of its own. */
const aliases: Record<string, Partial<Record<Environment, string>>> = {
  vnetenv: { dev: "vnetdev", staging: "vnetstag", prod: "vnetprod" },
  vnetenvdata: { dev: "vnetddev", staging: "vnetdstg", prod: "vnetdprd", shared: "vnetdata" },
};

/** Whether a name is an alias, in any case of its letters. */
export function isBridgeAlias(name: string): boolean {
  return Object.hasOwn(aliases, name.trim().toLowerCase());
}

/**
 * The bridge behind a name.
 * @param env the stack's environment; empty where it has none.
 * @returns the bridge, or why there is none.
 */
export function resolveBridge(name: string, env: string): { bridge: string } | { problem: string } {
  const alias = name.trim().toLowerCase();
  const bridges = Object.hasOwn(aliases, alias) ? aliases[alias] : undefined;
  if (!bridges) return { bridge: name };
  const supported = Object.keys(spellings)
    .filter((spelling) => bridges[spellings[spelling] as Environment] !== undefined)
    .join(", ");
  if (env === "") {
    return {
      problem: `${alias} bridge alias requires HYOPS_ENV to be set (supported: ${supported}); pulumi config set env <environment>`,
    };
  }
  const known = spellings[env.toLowerCase()];
  const bridge = known && bridges[known];
  if (bridge) return { bridge };
  return {
    problem: `${alias} bridge alias is unsupported for env='${env}' (supported: ${supported}). Use an explicit bridge (for example vnetmgmt/vnetdata) instead.`,
  };
}

/** Why a site does not know a bridge; undefined when it does, or when it lists none at all. */
export function unknownBridge(bridge: string, networks: readonly SiteNetwork[]): string | undefined {
  if (networks.length === 0 || networks.some((network) => network.bridge === bridge)) return undefined;
  const known = [...new Set(networks.map((network) => network.bridge))].sort().join(", ");
  return `${bridge} is not a bridge of the site, which has ${known}; add it to the foundation's networks, or name one of those`;
}
