/**
 * `holdfast init proxmox` without Pulumi: what the command line may say, and what is found out about a cluster.
 */
import { describe, expect, it, test, vi } from "vitest";
import { addressOf, authorityOf, wantedFrom } from "../../../../cli/proxmox/init.ts";
import { bastionCheck, certificateCheck, clusterLook, versionCheck } from "../../../../cli/proxmox/init-checks.ts";
import { siteParts } from "../../../../lib/contracts/site.ts";
import { knownHostsFile, recordedKeys } from "../../../../lib/ssh/known-hosts.ts";
import { proxmoxApi } from "../../../fixtures/proxmox-api.fixture.ts";
import { trust } from "../../../fixtures/proxmox-plugin.fixture.ts";
import { keyPair, operatorHome, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const place = { project: "foundation", stack: "shared" };
const endpoint = "https://pve1.example.org:8006";

test.each([
  ["pve1.example.org", { host: "pve1.example.org", port: 22 }],
  ["10.0.0.5:2222", { host: "10.0.0.5", port: 2222 }],
  ["2001:db8::5", { host: "2001:db8::5", port: 22 }],
  ["[2001:db8::5]:2222", { host: "2001:db8::5", port: 2222 }],
  ["root@pve1", undefined],
  ["pve1:99999", undefined],
])("%s as a bastion is %j", (text, address) => {
  expect(addressOf(text)).toEqual(address);
});

test("everything that is wrong with the command line is said at once", () => {
  const wrong = { endpoint: "http://pve1:8006", node: "", storage: ["a b"], bastion: "x y", json: false };
  for (const option of ["--endpoint: expected https", "--node", "--storage", "--bastion"])
    expect(() => wantedFrom(wrong, place)).toThrow(option);
});

test("what is recorded is a part of the site's contract, without what was not given", () => {
  const wanted = wantedFrom({ endpoint: `${endpoint}/`, node: "pve1", json: false }, place);
  expect(authorityOf(wanted)).toEqual({ url: endpoint, secretKey: "proxmox.token", node: "pve1" });
  const whole = wantedFrom({ endpoint, node: "pve1", storage: ["a", "b", "a"], bastion: "h:2222", json: false }, place);
  const proxmox = authorityOf(whole, "ssh-ed25519 AAAA");
  expect(proxmox).toMatchObject({ storages: ["a", "b"], address: "h", port: 2222, hostKey: "ssh-ed25519 AAAA" });
  expect(siteParts.authorities.parse({ proxmox })).toEqual({ proxmox });
});

test.each([
  ["9.0.10", "ok"],
  ["8.4", "ok"],
  ["7.4-3", "failed"],
  ["", "failed"],
])("version %j is %s", (version, status) => {
  expect(versionCheck(version).status).toBe(status);
});

describe("a cluster", () => {
  it("is fine where its node and storages are seen, and is only asked", async () => {
    const { proxmox } = await proxmoxApi();
    trust(proxmox.certificate);
    const wanted = { endpoint: proxmox.url, token: proxmox.token, node: "pve1", storages: ["local-lvm", "local"] };
    const { checks } = await clusterLook(wanted, undefined);
    expect(checks.filter(({ status }) => status !== "ok")).toEqual([]);
    expect(checks.map(({ what }) => what)).toContain("storage local-lvm of node pve1 takes images");
    expect(new Set(proxmox.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
  });

  it("whose first storage takes no disks fails, and so does a node that is not there", async () => {
    const { proxmox } = await proxmoxApi();
    trust(proxmox.certificate);
    const look = async (node: string, storages: string[]) =>
      (await clusterLook({ endpoint: proxmox.url, token: proxmox.token, node, storages }, undefined)).checks.at(-1);
    expect(await look("pve1", ["local"])).toMatchObject({
      status: "failed",
      found: expect.stringContaining("not images"),
    });
    expect(await look("pve9", [])).toMatchObject({
      found: "the cluster has no node pve9, but pve1",
      fix: "name one of those with --node",
    });
  });

  it("that nobody vouches for is not asked anything", async () => {
    const { proxmox } = await proxmoxApi();
    vi.stubEnv("SSL_CERT_FILE", "");
    const wanted = { endpoint: proxmox.url, token: proxmox.token, node: "pve1", storages: [] };
    const { checks } = await clusterLook(wanted, undefined);
    vi.unstubAllEnvs();
    expect(checks).toEqual([
      expect.objectContaining({ status: "failed", fix: expect.stringContaining("SSL_CERT_FILE") }),
    ]);
    expect(proxmox.requests).toEqual([]);
  });

  it("that does not answer is said not to", async () => {
    const check = await certificateCheck("https://127.0.0.1:1");
    expect(check).toMatchObject({ status: "failed", found: expect.stringContaining("it does not answer") });
  });
});

describe("a bastion", () => {
  it("met for the first time shows its key, which is not recorded here", async () => {
    const { key } = operatorHome();
    const hostKey = keyPair();
    const { host, port } = await sshHost({ allowed: key.public, hostKey });
    const target = { host, port, user: "root", stack: "foundation/shared" };
    const found = await bastionCheck(target);
    expect(found).toMatchObject({ key: hostKey.public, check: { status: "ok" } });
    expect(found.check.found).toContain("met for the first time");
    expect(recordedKeys(knownHostsFile(target.stack), host, port)).toEqual([]);
    expect((await bastionCheck(target, hostKey.public)).check.found).toMatch(/SHA256:\S+, as known$/);
  });

  it("with another key than the one that is recorded is refused", async () => {
    const { key } = operatorHome();
    const { host, port } = await sshHost({ allowed: key.public });
    const target = { host, port, user: "root", stack: "foundation/shared" };
    const { check, ...rest } = await bastionCheck(target, keyPair().public);
    expect({ rest, status: check.status }).toEqual({ rest: {}, status: "failed" });
    expect(check.found).toContain("changed");
  });
});
