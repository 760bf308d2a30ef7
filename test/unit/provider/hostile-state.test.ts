/**
 * What a state may hold is what inputs may: hostile texts in any field of any kind reach neither read nor delete nor update, and
 * no machine is dialled for them. Every kind of the plugin is in here, or the first test fails; states that releases have recorded
 * pass. Real gRPC; the one machine that there is, an SSH server on loopback, writes down what arrives.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, test } from "vitest";
import { catalogue } from "../../../provider/catalogue.ts";
import type { AnyResourceKind } from "../../../provider/kind.ts";
import { checkedState } from "../../../provider/state.ts";
import type { Properties, Value } from "../../../provider/wire.ts";
import { engineFor } from "../../fixtures/provider-client.fixture.ts";
import { keyPair, operatorHome, type StandIn, sshHost } from "../../fixtures/ssh-host.fixture.ts";

const { kinds } = catalogue;

const hostile = ["x; id > /tmp/pwned; :", "$(id)", "`id`", "a\nb", "../..", "-rf", "a' b", "\u001b]0;x\u0007"];

/** Of these texts, what a field takes that is only ever shown, compared, sent within JSON, or written by standard input. */
const harmless: Record<string, readonly string[]> = {
  line: hostile.filter((text) => !/\p{Cc}/u.test(text)),
  token: ["$(id)", "`id`", "../..", "-rf"],
  anything: hostile,
};

const host = {
  host: "127.0.0.1",
  port: 1,
  user: "root",
  hostKey: `${keyPair().public} host`,
  stack: "runners/crunchy",
};
const policy = { exceptions: [{ host: "192.0.2.3", protocol: "tcp", port: 3000 }], closed: ["10.0.0.0/8"] };
const owner = "home.runners.crunchy";
const evidence = { runId: "20260101T000000Z-up", evidenceDir: "/home/me/a b/evidence" };
const sha256 = "0".repeat(64);
const publicKey = `${keyPair().public} runner-02`;

/** A state of each kind with every field that holds a text, and how freely each is filled. */
const states: Record<string, { state: Properties; free?: Record<string, keyof typeof harmless> }> = {
  "holdfast:ssh:HostKey": {
    state: { comment: "runner-02", publicKey, privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\n" },
  },
  "holdfast:host:BridgeForward": { state: { host, bridge: "br0", owner } },
  "holdfast:host:EgressFence": {
    state: {
      ...{ host, owner, mac: "52:54:00:12:34:56", policy, tap: "hf0123456789ab", address: "192.0.2.15" },
      known: ["192.0.2.1"],
    },
  },
  "holdfast:forge:RunnerRegistration": {
    state: {
      ...{
        forgeUrl: "http://forge.lab:3000",
        scope: "org/repo",
        name: "runner-02",
        owner,
        uuid: "u-1",
        token: "secret",
      },
      forgeHost: { ...host, command: "docker exec -i -u git forgejo forgejo" },
    },
    free: { token: "token" },
  },
  "holdfast:runner:Service": {
    state: {
      ...{ vmId: "7d0b0b73-5457-41f7-b050-9a160ea50810", vm: { ...host, host: "192.0.2.15" }, hypervisor: host },
      ...{ domain: "runner-02", dialErrorLimit: 1, uuid: "u-1", token: "secret", name: "runner-02" },
      ...{ forgeUrl: "http://forge.lab:3000", labels: ["fenced:host"], capacity: 1, drainSeconds: 1 },
      ...{ execution: { kind: "binary", url: "file:///srv/runner", sha256 }, jobImage: "registry.lab/job:1" },
      resolvedImages: { "registry.lab/job:1": `registry.lab/job@sha256:${sha256}` },
      ...{ egress: policy, address: "192.0.2.15", accepted: true, hostKey: publicKey },
    },
    free: { token: "token" },
  },
  "holdfast:runner:OperationsToolchain": {
    state: {
      ...{ owner, vm: "ops-01", identity: `sha256:${sha256}`, target: host, direct: true, jump: host, bastion: host },
      ...{ timeoutSeconds: 1, waitSeconds: 0, state: "present", prefix: "/opt/holdfast", os: "ubuntu-lts" },
      release: { sha256, url: "https://releases.example.org/a.tar.gz" },
      ...{ systemLink: true, gatewayPorts: true, status: "ok", version: "holdfast 0.1, pulumi v3", hostKey: publicKey },
      ...{ route: "jump root@192.0.2.1:22", ...evidence, forcedRun: "run-1" },
    },
    free: { version: "line", route: "line", runId: "line", evidenceDir: "line", forcedRun: "line" },
  },
  "holdfast:ssh:Readiness": {
    state: {
      ...{ stack: "platform-vm/dev", required: true, jump: host, bastion: host, timeoutSeconds: 1, waitSeconds: 0 },
      targets: [
        { name: "app-01", host: "192.0.2.15", port: 22, user: "ops", hostKey: publicKey, identity: "sha256:0" },
      ],
      results: { "app-01": { status: "ok", route: "direct", stage: "ready", seconds: 1 } },
      ...{ status: "ok", ...evidence },
    },
    free: {
      ...{ "results.app-01.status": "line", "results.app-01.route": "line", "results.app-01.stage": "line" },
      ...{ runId: "line", evidenceDir: "line" },
    },
  },
  "holdfast:proxmox:PoolGuard": { state: { owner, vms: [{ key: "app-01", name: "dev-app-01", vmId: 100 }] } },
  "holdfast:proxmox:Snippet": {
    state: {
      ...{ host, storage: "local", directory: "/var/lib/vz/snippets", name: "holdfast-app-01.yaml" },
      ...{ content: "#cloud-config\n", volumeId: "local:snippets/holdfast-app-01.yaml" },
    },
  },
  "holdfast:proxmox:TemplateGuard": {
    state: { node: "pve", vmId: 9000, templateName: "ubuntu-24.04", owner, allowDestroyWithClones: false },
  },
  "holdfast:proxmox:TemplateSmoke": {
    state: {
      ...{ node: "pve", vmId: 9000, templateName: "ubuntu-24.04", owner, key: "ubuntu-24.04", digest: "sha256:0" },
      ...{ stack: "template-image/dev", required: true, timeout_s: 1, clone_timeout_s: 1, ssh_login: "off" },
      ...{ ssh_username: "ubuntu", status: "ok", ...evidence },
    },
    free: { runId: "line", evidenceDir: "line" },
  },
  "holdfast:netbox:VirtualMachineRecord": {
    state: {
      ...{ owner, key: "app-01", name: "dev-app-01", externalId: "proxmox:pve:100", role: "app", recordId: 1 },
      ...{ cluster: { name: "home", type: "Proxmox VE" }, startOnBoot: true, vcpus: 1, memoryMb: 1, tags: ["a"] },
      disks: [{ name: "scsi0", sizeMb: 1 }],
      cards: [{ name: "net0", mac: "52:54:00:12:34:56", addressId: 1 }],
    },
    // NetBox's own names, which it lets have anything in one line; all of it travels within JSON or URL-encoded.
    free: Object.fromEntries(
      ["key", "name", "role", "cluster.name", "cluster.type", "tags.0", "disks.0.name", "cards.0.name"].map((path) => [
        path,
        "line",
      ]),
    ),
  },
  "holdfast:netbox:IpReservation": {
    state: {
      identity: { zone: "home", env: "dev", vm: "app-01", bridge: "vmbr0", nic: 1 },
      ...{ owner, pool: { subnet: "192.0.2.0/24", from: "192.0.2.50", to: "192.0.2.60" }, dnsName: "app-01" },
      ...{ address: "192.0.2.51/24", addressId: 1, outcome: "allocated" },
    },
    free: Object.fromEntries(["zone", "env", "vm", "bridge"].map((part) => [`identity.${part}`, "line"])),
  },
};

/** Every text in a value, by its path. */
function textsIn(value: Value, path: string[] = []): string[][] {
  if (typeof value === "string") return [path];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) => textsIn(inner, [...path, name]));
}

function replaced(state: Properties, path: readonly string[], text: string): Properties {
  const copy = structuredClone(state);
  const holder = path.slice(0, -1).reduce<Value>((value, name) => (value as Properties)[name] as Value, copy);
  (holder as Properties)[path.at(-1) ?? ""] = text;
  return copy;
}

test("every kind of the plugin is tried", () => {
  expect(Object.keys(states).sort()).toEqual(kinds.map(({ type }) => type).sort());
});

test("every text that a kind's schema asks for is in the state that is tried", () => {
  for (const kind of kinds) {
    const names = Object.keys({ ...kind.inputs.shape, ...kind.computed, ...kind.kept });
    const absent = names.filter((name) => !(name in (states[kind.type]?.state ?? {})));
    // Numbers and switches, which no text fits into; those that may be absent are left out.
    const texts = absent.filter((name) => {
      const schema = kind.inputs.shape[name] ?? kind.computed[name] ?? kind.kept?.[name];
      return schema?.safeParse(0).success !== true && schema?.safeParse(true).success !== true;
    });
    expect(texts, kind.type).toEqual([]);
  }
});

describe.each(kinds.map(({ type }) => type))("%s", (type) => {
  const { state, free = {} } = states[type] ?? { state: {} };
  const kind = kinds.find((one) => one.type === type) as AnyResourceKind;
  let machine: StandIn;

  beforeAll(() => expect(checkedState(kind, state, "urn::it")).toEqual(state));

  it("takes no hostile text from its state, names the field, and dials nobody", async () => {
    operatorHome();
    machine = await sshHost();
    const engine = await engineFor(catalogue);
    await engine.configure({
      forgeToken: "t",
      proxmoxEndpoint: "https://127.0.0.1:1",
      proxmoxToken: "r@pam!t=u",
      netboxUrl: "http://127.0.0.1:1",
      netboxToken: "t",
    });
    const there = reachable(state, machine.port);
    for (const path of textsIn(there)) {
      const name = path.join(".");
      const allowed: readonly string[] = harmless[free[name] ?? ""] ?? [];
      for (const text of hostile.filter((one) => !allowed.includes(one))) {
        const given = replaced(there, path, text);
        for (const operation of [
          () => engine.read(type, "1", given, {}),
          () => engine.delete(type, "1", given),
          () => engine.update(type, given, given),
        ]) {
          const error = await operation().then(
            () => new Error("it was taken"),
            (caught: Error) => caught,
          );
          expect(error.message, `${name} ← ${JSON.stringify(text)}`).toContain(`${name}: `);
          expect(error.message).toContain(`the state of it (${type})`);
          expect(error.message).toContain("pulumi stack export");
          if (text.length > 4) expect(error.message).not.toContain(text);
        }
      }
    }
    expect(machine.received).toEqual([]);
    expect(machine.dials()).toBe(0);
  });

  it("hands no field on that it does not know, at any depth, and takes a state that has one", () => {
    const nested = Object.fromEntries(
      Object.entries(state).map(([name, value]) => [
        name,
        value !== null &&
        typeof value === "object" &&
        !Array.isArray(value) &&
        !["results", "resolvedImages"].includes(name)
          ? { ...value, ofAnotherRelease: "$(id)" }
          : value,
      ]),
    );
    expect(checkedState(kind, { ...nested, ofAnotherRelease: "$(id)", stateVersion: 1 }, "urn::it")).toEqual(state);
  });

  it("takes a state of a release that did not have its outputs yet", () => {
    const outputs = Object.keys({ ...kind.computed, ...kind.kept }).filter((name) => !(name in kind.inputs.shape));
    const older = Object.fromEntries(Object.entries(state).filter(([name]) => !outputs.includes(name)));
    expect(checkedState(kind, older, "urn::it")).toEqual(older);
  });
});

/** The same state, whose machines are the one that writes down what arrives. */
function reachable(value: Properties, port: number): Properties {
  const text = JSON.stringify(value).replaceAll('"port":1,', `"port":${port},`);
  return JSON.parse(text) as Properties;
}

test("an id of several lines, or one that is an option, is refused before its kind hears of it", async () => {
  operatorHome();
  const machine = await sshHost();
  const engine = await engineFor(catalogue);
  const type = "holdfast:host:BridgeForward";
  const state = reachable(states[type]?.state ?? {}, machine.port);
  for (const id of ["a\nb", "-rf", "", "\u001b[2J"]) {
    await expect(engine.read(type, id, state)).rejects.toThrow("the id of it is none that holdfast gives");
    await expect(engine.delete(type, id, state)).rejects.toThrow("the id of it is none that holdfast gives");
  }
  expect(machine.dials()).toBe(0);
});

describe("states that releases have recorded", () => {
  const root = join(import.meta.dirname, "../../..");
  const secretMark = "4dabf18193072939515e22adb298388d";
  /** What is secret is encrypted with a passphrase of that time; its kind is what the name says. */
  const clear: Record<string, string> = { privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----", token: "token" };

  function plain(outputs: Properties): Properties {
    const entries = Object.entries(outputs).map(([name, value]): [string, Value] => {
      const isSecret = value !== null && typeof value === "object" && secretMark in value;
      return [name, isSecret ? (clear[name] ?? "") : value];
    });
    return Object.fromEntries(entries);
  }

  it.each([
    "test/lab/recorded/release-0.1/runners.json",
    "test/engine/recorded/pool/platform-vm.json",
    "test/engine/recorded/pool/template-image.json",
  ])("%s", (file) => {
    interface Resource {
      type: string;
      urn: string;
      outputs: Properties;
    }
    const { deployment } = JSON.parse(readFileSync(join(root, file), "utf8")) as {
      deployment: { resources: Resource[] };
    };
    const known = deployment.resources.flatMap((resource) => {
      const kind = kinds.find(({ type }) => type === resource.type);
      return kind ? [{ kind, resource }] : [];
    });
    expect(known.length).toBeGreaterThan(0);
    for (const { kind, resource } of known) {
      const { stateVersion: _, ...state } = plain(resource.outputs);
      expect(checkedState(kind, state, resource.urn)).toEqual(state);
    }
  });
});
