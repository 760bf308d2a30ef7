/**
 * `holdfast secrets ensure` without Pulumi: what a stack lacks, what is refused, and that nothing of a value is shown.
 */
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { ask } from "../../../cli/prompt.ts";
import { missingSecrets, presenceIn, readPairs, usable } from "../../../cli/secrets.ts";
import { platformVmConfig } from "../../../platform-vm/config.ts";
import { runnersConfig } from "../../../runners/config.ts";

const place = { project: "platform-vm", stack: "dev-apps" };
const token = "root@pam!ci=0f6c2c1e-0000-4000-8000-000000000000";
const missing = ["proxmox.token"];
const store = (...given: [string, string][]) => usable(place, platformVmConfig, {}, missing, given);

test("a stack lacks what its schema requires; a runner's token only where nothing is said of SSH, a pool's on Proxmox VE", () => {
  expect(missingSecrets("platform-vm", platformVmConfig, {})).toEqual(["proxmox.token"]);
  expect(missingSecrets("platform-vm", platformVmConfig, { "proxmox.token": "secret" })).toEqual([]);
  expect(missingSecrets("platform-vm", platformVmConfig, {}, { placement: "libvirt" })).toEqual([]);
  const ipam = { placement: "libvirt", addressing: '{"mode":"ipam","ipam":{"provider":"netbox"}}' };
  expect(missingSecrets("platform-vm", platformVmConfig, {}, ipam)).toEqual(["netbox.token"]);
  expect(missingSecrets("runners", runnersConfig, { "host.address": "clear" })).toEqual(["forge.token"]);
  expect(missingSecrets("runners", runnersConfig, { "forge.ssh.command": "clear" })).toEqual([]);
});

test("a secret that is there in the clear is told from one that is there", () => {
  const json = JSON.stringify({ "platform-vm:a": { secret: true }, "platform-vm:b": { value: "x" }, "pulumi:c": {} });
  expect(presenceIn(json, "platform-vm")).toEqual({ a: "secret", b: "clear" });
});

test("pairs are split at the first =, and a line that is none is named by its number", () => {
  expect(readPairs(`proxmox.token=${token}\r\n\n`)).toEqual([["proxmox.token", token]]);
  expect(() => readPairs("a=b\nhunter2\n")).toThrow(/line 2 is not key=value$/);
});

test("what is usable is stored; what is there already stays", () => {
  expect(store(["proxmox.token", token])).toEqual({ "proxmox.token": token });
  expect(usable(place, platformVmConfig, { "proxmox.token": "secret" }, [], [["proxmox.token", token]])).toEqual({});
});

test.each([
  ["empty", [["proxmox.token", ""]], "proxmox.token: is empty"],
  ["white space", [["proxmox.token", "  \t"]], "proxmox.token: is empty"],
  ["white space around it", [["proxmox.token", ` ${token}`]], "proxmox.token: begins or ends with white space"],
  ["not of the key's pattern", [["proxmox.token", "hunter2-hunter2"]], "proxmox.token: expected user@realm!id=uuid"],
  ["a placeholder", [["proxmox.token", "root@pam!ci=CHANGE_ME"]], "proxmox.token: still holds a placeholder"],
  [
    "given twice",
    [
      ["proxmox.token", token],
      ["proxmox.token", token],
    ],
    "proxmox.token: is given twice",
  ],
  [
    "no secret",
    [
      ["node_name", "hunter2"],
      ["proxmox.token", token],
    ],
    "node_name: is no secret of this project",
  ],
  ["not given", [], "proxmox.token: is needed, and is not given"],
] as [string, [string, string][], string][])("what is %s is refused, and not repeated", (_what, given, output) => {
  expect(() => store(...given)).toThrow(output);
  expect(() => store(...given)).not.toThrow(/hunter2|0f6c2c1e/);
});

test("what is typed to a secret question is given, and not shown", async () => {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = new PassThrough();
  const answer = ask("proxmox.token: ", { echo: false, otherwise: "" }, { input, output });
  input.write(`${token}\n`);
  expect(await answer).toBe(token);
  output.end();
  expect(await text(output)).toBe("proxmox.token: \n");
});

test("nobody is asked without a terminal, and an end of input is no answer", async () => {
  const output = new PassThrough();
  const otherwise = "say it by standard input";
  await expect(ask("?", { echo: true, otherwise }, { input: new PassThrough(), output })).rejects.toThrow(otherwise);
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const answer = ask("?", { echo: true, otherwise }, { input, output });
  input.end();
  await expect(answer).rejects.toThrow("the question was not answered");
});
