import * as pulumi from "@pulumi/pulumi";
import { consume } from "../../../../lib/contracts/contract.ts";
import { siteContract } from "../../../../lib/contracts/site.ts";

const config = new pulumi.Config();
const site = await consume(siteContract, { stack: config.get("stack"), file: config.get("file") });

export const siteId = site?.siteId;
export const bridges = site?.networks.map((network) => network.bridge);
