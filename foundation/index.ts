/**
 * The foundation stack: reads the facts of the site, checks them, exports them as `site@1`. No provider, no plugin.
 */
import { loadConfig } from "../lib/config/strict.ts";
import { produce } from "../lib/contracts/contract.ts";
import { type Site, siteContract } from "../lib/contracts/site.ts";
import { foundationConfig } from "./config.ts";

const config = loadConfig(foundationConfig);

/** The site contract. */
export const site: Site = produce(siteContract, {
  contract: "site@1",
  siteId: config["site.id"],
  env: config["site.env"],
  zone: config["site.zone"],
  networks: config.networks,
  ...(config.publicAddresses.length > 0 ? { publicAddresses: config.publicAddresses } : {}),
  authorities: config.authorities,
  gcpProjects: config["gcp.projects"],
  naming: config["naming.prefix"] === "" ? {} : { prefix: config["naming.prefix"] },
});
