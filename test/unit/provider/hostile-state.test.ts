/**
 * What a state may hold is what inputs may: hostile texts in any field of any kind reach neither read nor delete nor update, and
 * no machine is dialled for them. Every kind of the plugin is tried, by the example in its declaration; states that releases have
 * recorded pass. Real gRPC; the one machine that there is, an SSH server on loopback, writes down what arrives.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, test } from "vitest";
import { catalogue } from "../../../provider/catalogue.ts";
import type { AnyResourceKind } from "../../../provider/kind.ts";
import { checkedState } from "../../../provider/state.ts";
import type { Properties, Value } from "../../../provider/wire.ts";
import { engineFor } from "../../fixtures/provider-client.fixture.ts";
import { operatorHome, type StandIn, sshHost } from "../../fixtures/ssh-host.fixture.ts";

const { kinds } = catalogue;

const hostile = ["x; id > /tmp/pwned; :", "$(id)", "`id`", "a\nb", "../..", "-rf", "a' b", "\u001b]0;x\u0007"];

/** Of these texts, what a field takes that is only ever shown, compared, sent within JSON, or written by standard input. */
const harmless: Record<string, readonly string[]> = {
  line: hostile.filter((text) => !/\p{Cc}/u.test(text)),
  token: ["$(id)", "`id`", "../..", "-rf"],
  anything: hostile,
};

/** The example of each kind, on the machine that writes down what arrives. */
const states = Object.fromEntries(
  kinds.map(({ type, example }) => [
    type,
    JSON.parse(JSON.stringify(example).replaceAll('"192.0.2.2"', '"127.0.0.1"')) as Properties,
  ]),
);

/** How freely a kind's fields are filled, where one holds more than names. */
const free: Record<string, Record<string, keyof typeof harmless>> = {
  "holdfast:forge:RunnerRegistration": { token: "token" },
  "holdfast:runner:Service": { token: "token" },
  "holdfast:runner:OperationsToolchain": lines("version", "route", "runId", "evidenceDir", "forcedRun"),
  "holdfast:ssh:Readiness": lines(
    ...["status", "route", "stage"].map((part) => `results.app-01.${part}`),
    ...["runId", "evidenceDir"],
  ),
  "holdfast:proxmox:TemplateSmoke": lines("runId", "evidenceDir"),
  // NetBox's own names, which it lets have anything in one line; all of it travels within JSON or URL-encoded.
  "holdfast:netbox:VirtualMachineRecord": lines(
    ...["key", "name", "role", "cluster.name", "cluster.type", "tags.0", "disks.0.name", "cards.0.name"],
  ),
  "holdfast:netbox:IpReservation": lines(...["zone", "env", "vm", "bridge"].map((part) => `identity.${part}`)),
};

function lines(...paths: string[]): Record<string, "line"> {
  return Object.fromEntries(paths.map((path) => [path, "line"]));
}

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

test("what is said of a kind's fields is said of one that there is", () => {
  expect(Object.keys(free).filter((type) => !(type in states))).toEqual([]);
});

test("every text that a kind's schema asks for is in the example that is tried", () => {
  for (const kind of kinds) {
    const names = Object.keys({ ...kind.inputs.shape, ...kind.computed, ...kind.kept });
    const absent = names.filter((name) => !(name in (states[kind.type] ?? {})));
    // Numbers and switches, which no text fits into; those that may be absent are left out.
    const texts = absent.filter((name) => {
      const schema = kind.inputs.shape[name] ?? kind.computed[name] ?? kind.kept?.[name];
      return schema?.safeParse(0).success !== true && schema?.safeParse(true).success !== true;
    });
    expect(texts, kind.type).toEqual([]);
  }
});

describe.each(kinds.map(({ type }) => type))("%s", (type) => {
  const state = states[type] ?? {};
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
      const allowed: readonly string[] = harmless[free[type]?.[name] ?? ""] ?? [];
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
  const text = JSON.stringify(value).replaceAll('"port":22,', `"port":${port},`);
  return JSON.parse(text) as Properties;
}

test("an id of several lines, or one that is an option, is refused before its kind hears of it", async () => {
  operatorHome();
  const machine = await sshHost();
  const engine = await engineFor(catalogue);
  const type = "holdfast:host:BridgeForward";
  const state = reachable(states[type] ?? {}, machine.port);
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
