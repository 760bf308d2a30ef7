/**
 * An operations runner from nothing to nothing, as the operator's own commands do it: the real engine and plugin, a real
 * OpenSSH server on VM and Proxmox host, real networks between them; cut off, filled up, rebuilt and readdressed on the way.
 *
 * Not proven here: an Ubuntu (the VM is a Debian, which `runner_os` allows), systemd's reload of sshd, a cloud, and the full
 * release, of which docs/proof.md tells.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingPrerequisites } from "../../lab/prerequisites.ts";
import { siteDown } from "../../lab/site.ts";
import { until } from "../../lab/wait.ts";
import { prefix, RunnerSite } from "./ops-runner.fixture.ts";

const siteName = "t-opsrunner";
const missing = missingPrerequisites().filter((what) => !what.startsWith("package "));
const dropIn = "/etc/ssh/sshd_config.d/90-holdfast-runner.conf";

describe.skipIf(missing.length > 0)("an operations runner", () => {
  let site: RunnerSite;

  beforeAll(async () => {
    await siteDown(siteName);
    site = await RunnerSite.open(siteName);
    site.pool("10.10.10.41", "1");
  });

  afterAll(() => siteDown(siteName));

  it("is refused on anything but Ubuntu LTS, with nothing changed", async () => {
    await site.configure(await site.release("1"));
    const { exitCode, stdout } = await site.up();
    expect(exitCode).not.toBe(0);
    expect(stdout).toMatch(/pinned to Ubuntu LTS, and runner-01 runs Debian/);
    expect((await site.on(`ls -A /opt; ls ${dropIn}`, false)).stdout).toBe("");
  });

  it("installs the release over the Proxmox host, root's own, and runs it as the target user", async () => {
    await site.configure({ runner_os: "debian", runner_sshd_gateway_ports: "true" });
    expect(await site.up()).toMatchObject({ exitCode: 0 });
    const { runner, version } = await site.outputs();
    expect(version).toBe("holdfast 1, pulumi v3.255.0");
    expect(runner).toMatchObject({
      ...{
        contract: "runner@1",
        env: "dev",
        place: "onprem",
        direction: "failback",
        capability: "ready",
        status: "ok",
      },
      vm: { key: "runner-01", name: "platform-shared-runner-01", address: "10.10.10.41" },
      access: { user: "opsadmin", bastion: { host: "198.51.100.20", user: "root" } },
    });
    const { stdout } = await site.on(
      `su opsadmin -s /bin/sh -c 'holdfast --version'; find ${prefix} ! -user root; find ${prefix} -perm /022 ! -type l; cat ${dropIn}; stat -c %a ${prefix}/.stage`,
    );
    expect(stdout).toBe(
      "holdfast 1\n# Made by holdfast for lab.ops-runner.dev-onprem\nGatewayPorts clientspecified\n700",
    );
    const left = "grep -rlI 'PRIVATE KEY' /opt /home /tmp /var /usr/local /root 2>/dev/null";
    expect((await site.on(left, false)).stdout).toBe("");
  });

  it("previews clean, and runs again when a deploy says so, once for each", async () => {
    expect(await site.isClean()).toBe(true);
    const { run_id: before } = await site.outputs();
    expect(await site.isClean("deploy-1")).toBe(false);
    expect(await site.up("deploy-1")).toMatchObject({ exitCode: 0 });
    const { run_id: after } = await site.outputs();
    expect(after).not.toBe(before);
    expect(await site.steps()).toMatchObject({
      ...{ deliver: { outcome: "skipped" }, unpack: { outcome: "skipped" }, activate: { outcome: "skipped" } },
      ...{ verify: { outcome: "done" }, proof: { outcome: "done" } },
    });
    expect(await site.isClean("deploy-1")).toBe(true);
    expect(await site.isClean()).toBe(true);
  });

  it("runs again on a VM that was rebuilt, though nothing in its contract changed", async () => {
    await site.rebuild();
    expect(await site.isClean()).toBe(false);
    expect(await site.up()).toMatchObject({ exitCode: 0 });
    expect(await site.steps()).toMatchObject({ deliver: { outcome: "done" }, "system-link": { outcome: "done" } });
    expect(await site.isClean()).toBe(true);
  });

  it("runs again when the address changes, and mends a release that was tampered with", async () => {
    await site.alsoAnswersAt("10.10.10.42");
    site.pool("10.10.10.42", "2");
    await site.on(`echo 'echo evil' >> ${prefix}/current/bin/holdfast`);
    expect(await site.isClean()).toBe(false);
    expect(await site.up()).toMatchObject({ exitCode: 0 });
    expect(await site.outputs()).toMatchObject({ runner: { vm: { address: "10.10.10.42" } } });
    expect((await site.on("tail -n 1 $(readlink -f /usr/local/bin/holdfast)")).stdout).toBe("echo holdfast 1");
    expect(await site.steps()).toMatchObject({ deliver: { outcome: "done" }, activate: { outcome: "skipped" } });
  });

  it("refuses an archive with another digest, and names both", async () => {
    const { runner_release_archive_url: url = "" } = await site.release("2");
    const wrong = `sha256:${"0".repeat(64)}`;
    await site.configure({ runner_release_archive_url: url, runner_release_archive_sha256: wrong });
    const { exitCode, stdout } = await site.up();
    expect(exitCode).not.toBe(0);
    expect(stdout).toMatch(/has SHA-256 [0-9a-f]{64}, expected 0{64}/);
    expect((await site.on("holdfast --version")).stdout).toBe("holdfast 1");
  });

  it("names the host that a VM does not reach which has to fetch its release itself", async () => {
    const url = "http://10.10.10.1:9/holdfast.tar.gz";
    await site.configure({ runner_release_archive_url: url });
    const { stdout } = await site.up();
    expect(stdout).toMatch(/requires outbound HTTP egress: runner-01 does not reach 10\.10\.10\.1:9/);
  });

  it("says that the disk is full, keeps what runs, and goes on once there is room", async () => {
    await site.configure(await site.release("2"));
    await site.on(`mount -t tmpfs -o size=16k,mode=700 full ${prefix}/.stage`);
    const { exitCode, stdout } = await site.up();
    expect(exitCode).not.toBe(0);
    expect(stdout).toMatch(
      /no room on runner-01: the release needs .* MB on .*\.stage.*then run the same command again/,
    );
    expect((await site.on("holdfast --version")).stdout).toBe("holdfast 1");
    await site.on(`umount ${prefix}/.stage`);
    expect(await site.up()).toMatchObject({ exitCode: 0 });
    expect((await site.on(`holdfast --version; ls ${prefix}/releases | wc -l`)).stdout).toBe("holdfast 2\n2");
  });

  it("goes on behind the delivery when the plugin is killed while it unpacks, and keeps one old release", async () => {
    const shim = "touch /run/at-tar; while [ ! -e /run/go ]; do sleep 0.1; done; exec /usr/bin/tar";
    await site.on(`printf '#!/bin/sh\\n${shim} "$@"\\n' > /usr/local/bin/tar; chmod 755 /usr/local/bin/tar`);
    await site.configure(await site.release("3"));
    const interrupted = site.up();
    const wait = { what: "tar on the VM", boundMs: 60_000, lookAt: "pulumi up" };
    await until(wait, async () => (await site.on("ls /run/at-tar", false)).exitCode === 0);
    site.killPlugin();
    expect((await interrupted).exitCode).not.toBe(0);
    await site.on("rm /usr/local/bin/tar; touch /run/go");
    expect(await site.up()).toMatchObject({ exitCode: 0 });
    expect(await site.steps()).toMatchObject({ deliver: { outcome: "skipped" } });
    const left = `holdfast --version; ls ${prefix}/releases | wc -l; ls -A ${prefix}/.stage`;
    expect((await site.on(left)).stdout).toBe("holdfast 3\n2");
    expect(await site.isClean()).toBe(true);
  });

  it("is gone when it is absent, says so, and a second run changes nothing", async () => {
    await site.configure({ runner_state: "absent" });
    expect(await site.up()).toMatchObject({ exitCode: 0 });
    const { runner } = await site.outputs();
    expect(runner).toMatchObject({ status: "absent", capability: "absent", releaseDigest: "" });
    const left = `ls -A /opt /usr/local/bin ${dropIn} /home/opsadmin/.cache /home/opsadmin/.config 2>/dev/null`;
    expect((await site.on(left, false)).stdout).not.toMatch(/hybridops|holdfast/);
    expect(await site.isClean()).toBe(true);
    expect(await site.up("deploy-2")).toMatchObject({ exitCode: 0 });
    expect(Object.values(await site.steps()).map(({ outcome }) => outcome)).toEqual(["skipped", "skipped", "skipped"]);
  });

  it("comes back, and a destroy removes it again", async () => {
    await site.configure({ runner_state: "present" });
    expect(await site.up()).toMatchObject({ exitCode: 0 });
    expect((await site.on("holdfast --version")).stdout).toBe("holdfast 3");
    expect(await site.destroy()).toMatchObject({ exitCode: 0 });
    expect((await site.on(`ls -A /opt ${dropIn}`, false)).stdout).toBe("/opt:");
  });
});
