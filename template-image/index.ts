/**
 * The templates of an environment: reads configuration and site contract, looks at the cluster, makes the templates, exports
 * `templates@1`.
 */
import * as proxmox from "@pulumi/proxmoxve";
import * as pulumi from "@pulumi/pulumi";
import { ProxmoxTemplate } from "../components/template/proxmox-template.ts";
import { loadConfig } from "../lib/config/strict.ts";
import { consume, produce } from "../lib/contracts/contract.ts";
import { siteContract } from "../lib/contracts/site.ts";
import { type Templates, templatesContract } from "../lib/contracts/templates.ts";
import { checkpointResources } from "../lib/preflight/recorded.ts";
import { proxmoxPreflightFunction } from "../resources/proxmox/preflight.ts";
import { call, HoldfastProvider } from "../resources/sdk.ts";
import { templateImageConfig } from "./config.ts";
import { planTemplates } from "./plan.ts";
import { planPreflight } from "./preflight.ts";

const config = loadConfig(templateImageConfig);
const site = await consume(siteContract, { stack: config["site.stack"], file: config["site.file"] });
const place = { project: pulumi.getProject(), stack: pulumi.getStack() };
const stack = `${place.project}/${place.stack}`;
const plan = planTemplates(config, site, place);
const { owner, endpoint } = plan;
const insecure = config["proxmox.insecure"] === "true";
const token = pulumi.secret(config["proxmox.token"]);

const holdfast = new HoldfastProvider("holdfast", {
  proxmoxEndpoint: endpoint,
  proxmoxToken: token,
  proxmoxInsecure: insecure,
});
await call(proxmoxPreflightFunction, planPreflight(config, plan, stack, Object.values(await checkpointResources())), {
  provider: holdfast,
});
const providers = { holdfast, proxmoxve: new proxmox.Provider("proxmox", { endpoint, apiToken: token, insecure }) };
const policy = {
  stack,
  owner,
  smoke: config.post_build_smoke,
  allowDestroyWithClones: config.allow_destroy_with_clones === "true",
};
const made = plan.templates.map((args) => ({
  args,
  template: new ProxmoxTemplate(args.key, { ...args, policy }, { providers }),
}));

/** The templates contract. */
export const templates: pulumi.Output<Templates> = pulumi.all(made.map(({ template }) => template.vmId)).apply((ids) =>
  produce(templatesContract, {
    contract: "templates@1",
    templates: Object.fromEntries(
      made.map(({ args, template }, index) => [
        args.key,
        {
          ...{ vmId: ids[index] ?? 0, name: args.templateName, node: args.node, digest: template.digest },
          ...(args.vendorDataFileId === undefined ? {} : { vendorDataFileId: args.vendorDataFileId }),
        },
      ]),
    ),
  }),
);

/** Ids by template key. */
export const template_vm_ids = Object.fromEntries(made.map(({ args, template }) => [args.key, template.vmId]));

/** What came of each template's test, by template key. */
export const smoke = Object.fromEntries(made.map(({ args, template }) => [args.key, template.smokeStatus]));
