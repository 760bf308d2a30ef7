/**
 * Reading one's own checkpoint while the engine writes it: half a file is read again, anything else is an error at once.
 */
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { recorded } from "../../lib/preflight/recorded.ts";

/** Answers the next questions with these, in their order. */
async function answers(...script: (Error | object)[]) {
  let asked = 0;
  const mocks: pulumi.runtime.Mocks = {
    newResource: ({ name, inputs }) => ({ id: name, state: inputs }),
    call: () => {
      const answer = script[asked++];
      if (answer instanceof Error) throw Object.assign(answer, { details: answer.message });
      return { outputs: answer };
    },
  };
  await pulumi.runtime.setMocks(mocks, "runners", "crunchy", false, "organization");
  return () => asked;
}

test("half a file is read again", async () => {
  const volume = { type: "libvirt:index/volume:Volume", outputs: { pool: "images", name: "root.qcow2" } };
  const asked = await answers(
    new Error("failed to load checkpoint: EOF"),
    new Error("failed to load checkpoint: EOF"),
    {
      "urn:…": volume,
    },
  );
  expect(await recorded()).toEqual({ volumes: ["images/root.qcow2"], domains: [], runnerUuid: null, hypervisors: [] });
  expect(asked()).toBe(3);
});

test("what reading again does not mend is an error at once", async () => {
  const asked = await answers(new Error("passphrase must be set"));
  await expect(recorded()).rejects.toThrow("passphrase must be set");
  expect(asked()).toBe(1);
});
