/**
 * Decides everything about the templates of an environment from its configuration and, where there is one, the site
 * contract. Pure. Messages keep the words of the reference, which operators search for.
 */

import {
  cloudImages,
  isTemplateKey,
  type TemplateKey,
  templateKeys,
  whereToLook,
} from "../components/template/images.ts";
import { type Digest, imageFileName, templateTags } from "../components/template/plan.ts";
import type { TemplateSpec } from "../components/template/proxmox-template.ts";
import { planEndpoint } from "../lib/config/proxmox-keys.ts";
import { planOwner } from "../lib/config/site-keys.ts";
import { ConfigError, type ConfigOf, type Problem, type ReportProblem } from "../lib/config/strict.ts";
import type { Site } from "../lib/contracts/site.ts";
import { ownerDescription } from "../lib/owner-mark.ts";
import type { TemplateInput, templateImageConfig } from "./config.ts";

/** Values of the configuration. */
export type TemplateImageConfig = ConfigOf<typeof templateImageConfig>;

/** The templates of a stack, decided. */
export interface TemplateImagePlan {
  owner: string;
  /** URL of the Proxmox VE API. */
  endpoint: string;
  /** By template key, sorted. */
  templates: TemplateSpec[];
}

/**
 * @param place project and stack of the running program.
 * @throws one error with everything that does not fit together.
 */
export function planTemplates(
  config: TemplateImageConfig,
  site: Site | undefined,
  place: { project: string; stack: string },
): TemplateImagePlan {
  const problems: Problem[] = [];
  const report: ReportProblem = (key, reason) => problems.push({ key, reason });
  const endpoint = planEndpoint(config["proxmox.endpoint"], site, report);
  const owner = planOwner(config, site, place, report);
  const wanted = wantedTemplates(config, report);
  const templates = wanted
    .map(([key, input, at]) => template(config, owner, key, input, (name, reason) => report(`${at}${name}`, reason)))
    .filter((one) => one !== undefined);
  for (const { key, bridge } of templates) requireSiteBridge(site, key, bridge, report);
  reportShared(templates, "vmId", "vmid", report);
  reportShared(templates, "templateName", "name", report);
  if (problems.length > 0) throw new ConfigError(place.project, place.stack, problems);
  return { owner, endpoint, templates };
}

/** Keys with their settings and where those stand in the configuration. */
function wantedTemplates(config: TemplateImageConfig, report: ReportProblem): [TemplateKey, TemplateInput, string][] {
  const entries: [string, TemplateInput, string][] = Object.entries(config.templates).map(([key, input]) => [
    key,
    input,
    `templates.${key}.`,
  ]);
  const { template_key: shorthand, url, sha256, sha512, name, vmid } = config;
  if (shorthand !== undefined) {
    if (Object.hasOwn(config.templates, shorthand.toLowerCase())) {
      report("template_key", `is in templates too; say in one way only what ${shorthand} is made of`);
    }
    const given = Object.entries({ url, sha256, sha512, name, vmid }).filter(([, value]) => value !== undefined);
    entries.push([shorthand.toLowerCase(), Object.fromEntries(given), ""]);
  } else {
    for (const [key, value] of Object.entries({ url, sha256, sha512, name, vmid })) {
      if (value !== undefined) report(key, "belongs to the shorthand template_key, which is not set");
    }
  }
  if (entries.length === 0) {
    report("templates", "either inputs.templates (non-empty map) or inputs.template_key is required");
  }
  return entries.sort(byKey).flatMap(([key, input, at]): [TemplateKey, TemplateInput, string][] => {
    if (isTemplateKey(key)) return [[key, input, at]];
    report(
      at === "" ? "template_key" : at.slice(0, -1),
      `inputs.template_key is invalid: '${key}' (supported: ${templateKeys.join(", ")})`,
    );
    return [];
  });
}

function template(
  config: TemplateImageConfig,
  owner: string,
  key: TemplateKey,
  input: TemplateInput,
  report: ReportProblem,
): TemplateSpec | undefined {
  const digest = digestOf(key, input, report);
  if (input.url === undefined) report("url", `is required: ${whereToLook(key)}`);
  if (digest === undefined || input.url === undefined) return undefined;
  const vmId = input.vmid === undefined || input.vmid === 0 ? undefined : input.vmid;
  const vendorData = input.vendor_data_file_id ?? config.vendor_data_file_id;
  const pool = input.pool ?? config.pool;
  return {
    key,
    templateName: input.name ?? `${key}-template`,
    ...(vmId === undefined ? {} : { vmId }),
    description: input.description ?? config.description ?? ownerDescription(owner),
    tags: templateTags(owner, key, digest),
    image: { url: input.url, digest, fileName: imageFileName(owner, key, digest) },
    node: input.node_name ?? config.node_name,
    imageStorage: config.images_datastore_id,
    diskStorage: input.datastore_id ?? config.datastore_id,
    bridge: input.network_bridge ?? config.network_bridge,
    ...(pool ? { pool } : {}),
    cores: input.cpu_cores ?? config.cpu_cores,
    sockets: input.cpu_sockets ?? config.cpu_sockets,
    cpuType: input.cpu_type ?? config.cpu_type,
    memoryMb: input.memory_mb ?? config.memory_mb,
    diskGb: input.disk_size_gb ?? config.disk_size_gb,
    ...(vendorData ? { vendorDataFileId: vendorData } : {}),
  };
}

/** What the image is checked against; reports where it is not given, or given twice. */
function digestOf(key: TemplateKey, { sha256, sha512 }: TemplateInput, report: ReportProblem): Digest | undefined {
  if (sha256 !== undefined && sha512 !== undefined) {
    report("sha512", "is set beside sha256; one digest is compared, so set one");
    return undefined;
  }
  if (sha256 !== undefined) return { algorithm: "sha256", hex: sha256 };
  if (sha512 !== undefined) return { algorithm: "sha512", hex: sha512 };
  report(cloudImages[key].algorithm, `is required: ${whereToLook(key)}`);
  return undefined;
}

function requireSiteBridge(site: Site | undefined, key: string, bridge: string, report: ReportProblem): void {
  const bridges = (site?.networks ?? []).map((network) => network.bridge);
  if (bridges.length === 0 || bridges.includes(bridge)) return;
  report("network_bridge", `of ${key} is not a bridge of the site, which has ${bridges.join(", ")}`);
}

function reportShared(
  templates: readonly TemplateSpec[],
  property: "vmId" | "templateName",
  key: string,
  report: ReportProblem,
): void {
  for (const [index, one] of templates.entries()) {
    const value = one[property];
    const other = templates.slice(0, index).find((before) => value !== undefined && before[property] === value);
    if (other) report(`templates.${one.key}.${key}`, `is that of ${other.key} too; each template needs its own`);
  }
}

function byKey([one]: readonly [string, ...unknown[]], [other]: readonly [string, ...unknown[]]): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
