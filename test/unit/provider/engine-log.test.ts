/**
 * Where the plugin's lines for the display go: to the engine that started it, traced or not.
 */
import { expect, test } from "vitest";
import { engineAddress } from "../../../provider/engine-log.ts";

test.each([
  ["an address alone", ["127.0.0.1:1234"], "127.0.0.1:1234"],
  ["a traced engine", ["--tracing", "http://127.0.0.1:99", "127.0.0.1:1234"], "127.0.0.1:1234"],
  ["a verbose engine", ["--logtostderr", "-v=9", "127.0.0.1:1234"], "127.0.0.1:1234"],
  ["flags alone", ["--logtostderr"], undefined],
  ["a start by hand", [], undefined],
])("%s", (_, args, address) => {
  expect(engineAddress(args)).toBe(address);
});
