/**
 * What a template stack decides from its configuration: shorthand and map, defaults and overrides, and every message at once.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { templateKeys } from "../../../components/template/images.ts";
import { parseConfig } from "../../../lib/config/strict.ts";
import type { Site } from "../../../lib/contracts/site.ts";
import { templateImageConfig } from "../../../template-image/config.ts";
import { planTemplates } from "../../../template-image/plan.ts";
import { planPreflight, recordedTemplates } from "../../../template-image/preflight.ts";

const place = { project: "template-image", stack: "dev" };
const sha256 = "ab".repeat(32);
const url = "https://images.example/noble.img";
const token = "ci@pve!holdfast=11111111-2222-3333-4444-555555555555";
const least = { "proxmox.endpoint": "https://pve1.example:8006", "proxmox.token": token, node_name: "pve1" };
const one = { ...least, template_key: "ubuntu-24.04", url, sha256 };

function plan(raw: Record<string, string>, site?: Site) {
  return planTemplates(parseConfig(place.project, place.stack, templateImageConfig, raw), site, place);
}

/** The lines of the error. */
function problems(raw: Record<string, string>, site?: Site): string[] {
  try {
    plan(raw, site);
  } catch (error) {
    return (error as Error).message.split("\n").slice(1);
  }
  throw new Error("it was accepted");
}

describe("the shorthand", () => {
  test("is one template with the reference's defaults", () => {
    expect(plan(one)).toEqual({
      owner: "site.template-image.dev",
      endpoint: "https://pve1.example:8006",
      templates: [
        {
          key: "ubuntu-24.04",
          templateName: "ubuntu-24.04-template",
          description: "Made by holdfast for site.template-image.dev",
          tags: ["holdfast.site.template-image.dev", "sha256-abababababab", "ubuntu-24.04"],
          image: {
            url,
            digest: { algorithm: "sha256", hex: sha256 },
            fileName: "site.template-image.dev-ubuntu-24.04-abababababab.qcow2",
          },
          ...{ node: "pve1", imageStorage: "local", diskStorage: "local-lvm", bridge: "vmbr0" },
          ...{ cores: 2, sockets: 1, cpuType: "host", memoryMb: 4096, diskGb: 40 },
        },
      ],
    });
  });

  test("takes a key in any case, and an id of 0 for the next free one", () => {
    const [template] = plan({ ...one, template_key: "Ubuntu-24.04", vmid: "0", name: "noble" }).templates;
    expect(template).toMatchObject({ key: "ubuntu-24.04", templateName: "noble" });
    expect(template).not.toHaveProperty("vmId");
  });

  test("is missed where only its parts are set", () => {
    expect(problems({ ...least, url })).toEqual([
      "  - template-image:url: belongs to the shorthand template_key, which is not set",
      "  - template-image:templates: either inputs.templates (non-empty map) or inputs.template_key is required",
    ]);
  });
});

test("each template of the map has what differs over what the stack says", () => {
  const templates = {
    "rocky-9": { url, sha256, cpu_cores: "4", disk_size_gb: 80, node_name: "pve2", pool: "gold", vmid: 9001 },
    "debian-12": { url, sha512: "cd".repeat(64), vendor_data_file_id: "local:snippets/agent.yaml" },
  };
  const planned = plan({ ...least, memory_mb: "8192", templates: JSON.stringify(templates) }).templates;
  expect(planned).toMatchObject([
    {
      key: "debian-12",
      memoryMb: 8192,
      cores: 2,
      node: "pve1",
      vendorDataFileId: "local:snippets/agent.yaml",
      tags: ["debian-12", "holdfast.site.template-image.dev", "sha512-cdcdcdcdcdcd"],
    },
    { key: "rocky-9", memoryMb: 8192, cores: 4, diskGb: 80, node: "pve2", pool: "gold", vmId: 9001 },
  ]);
});

describe("a message", () => {
  test.each(templateKeys)("for %s says where the vendor publishes image and digest", (key) => {
    const lines = problems({ ...least, template_key: key });
    const digest = key === "debian-12" ? "sha512" : "sha256";
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(
          `template-image:${digest}: is required: the vendor publishes \\S+ and its ${digest} in https://\\S+`,
        ),
      ),
      expect.stringMatching(/template-image:url: is required: the vendor publishes \S+ and its/),
    ]);
  });

  test.each([
    [
      "template_key",
      "windows-11",
      "inputs.template_key is invalid: 'windows-11' (supported: debian-12, rocky-10, rocky-9, ubuntu-22.04, ubuntu-24.04)",
    ],
    ["vmid", "-1", "inputs.vmid must be a non-negative integer"],
    ["vmid", "nine", "inputs.vmid must be a non-negative integer"],
    ["cpu_cores", "0", "inputs.cpu_cores must be a positive integer"],
    ["memory_mb", "lots", "inputs.memory_mb must be a positive integer"],
    ["disk_size_gb", "-4", "inputs.disk_size_gb must be a positive integer"],
    ["proxmox.endpoint", "http://pve1.example:8006", "must begin with https://: a token is never sent in the clear"],
    ["url", "file:///srv/noble.img", "expected https://… or http://…, as the node fetches it"],
    ["sha512", "cd".repeat(64), "is set beside sha256; one digest is compared, so set one"],
    ["templates", JSON.stringify({ "ubuntu-24.04": { url, sha256 } }), "is in templates too"],
  ])("of %s=%s is the reference's", (key, value, words) => {
    expect(problems({ ...one, [key]: value }).join("\n")).toContain(words);
  });

  test.each([
    [{ "rocky-9": { url, sha256, cpu_cores: 0 } }, "inputs.cpu_cores must be a positive integer"],
    [{ "rocky-9": { url, sha256, vmid: -1 } }, "inputs.vmid must be a non-negative integer"],
    [{ "rocky-9": { url, sha256, name: "" } }, "inputs.name must be a non-empty string"],
    [{ "rocky-9": { url, sha256, pool: 7 } }, "inputs.pool must be a string when set"],
    [{ "rocky-9": { url, sha256, rebuild: true } }, "rebuild"],
    [{ windows: { url, sha256 } }, "inputs.template_key is invalid: 'windows'"],
  ])("of the map %j is the reference's", (templates, words) => {
    expect(problems({ ...least, templates: JSON.stringify(templates) }).join("\n")).toContain(words);
  });

  test("names two templates that would share a name or an id", () => {
    const same = { url, sha256, vmid: 9001, name: "base" };
    const lines = problems({ ...least, templates: JSON.stringify({ "rocky-9": same, "rocky-10": same }) });
    expect(lines).toEqual([
      "  - template-image:templates.rocky-9.vmid: is that of rocky-10 too; each template needs its own",
      "  - template-image:templates.rocky-9.name: is that of rocky-10 too; each template needs its own",
    ]);
  });

  test("never holds the token", () => {
    expect(problems({ ...one, "proxmox.token": "not-a-token-hunter2", cpu_cores: "0" }).join("\n")).not.toMatch(
      /hunter2/,
    );
  });
});

describe("the site contract", () => {
  const site: Site = {
    ...{ contract: "site@1", siteId: "home", env: "dev", zone: "lan", gcpProjects: {}, naming: {} },
    networks: [{ name: "mgmt", bridge: "vnetmgmt", cidr: "10.10.0.0/24", dns: [] }],
    authorities: { proxmox: { url: "https://pve9.example:8006/" } },
  };

  test("gives endpoint and owner", () => {
    const { "proxmox.endpoint": _, ...rest } = one;
    const planned = plan({ ...rest, network_bridge: "vnetmgmt" }, site);
    expect(planned).toMatchObject({ owner: "home.template-image.dev", endpoint: "https://pve9.example:8006" });
  });

  test("knows the bridges", () => {
    expect(problems(one, site)).toEqual([
      "  - template-image:network_bridge: of ubuntu-24.04 is not a bridge of the site, which has vnetmgmt",
    ]);
  });
});

test("the example's stack file is one that works, but for the token", () => {
  const file = join(import.meta.dirname, "../../../stacks/template-image/Pulumi.example.yaml");
  const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
  const texts = Object.entries(config).map(([key, value]) => [
    key.replace("template-image:", ""),
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  expect(problems(Object.fromEntries(texts))).toEqual(["  - template-image:proxmox.token: is required"]);
  expect(plan({ ...Object.fromEntries(texts), "proxmox.token": token }).templates).toHaveLength(1);
});

test("the preflight is told what the state has of each template", () => {
  const resources = [
    {
      type: "proxmoxve:index/vmLegacy:VmLegacy",
      outputs: { vmId: 104, tags: ["ubuntu-24.04", "sha256-000000000000"] },
    },
    { type: "proxmoxve:download/file:File", outputs: { vmId: 7, tags: ["rocky-9"] } },
  ];
  expect(recordedTemplates(resources).get("ubuntu-24.04")).toBe(104);
  expect(recordedTemplates(resources).get("rocky-9")).toBeUndefined();
  const asked = planPreflight(
    { images_datastore_id: "local", allow_destroy_with_clones: "false" },
    plan(one),
    "template-image/dev",
    resources,
  );
  expect(asked.templates).toMatchObject([{ key: "ubuntu-24.04", recordedVmId: 104 }]);
});
