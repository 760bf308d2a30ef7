/**
 * What a kind may say in a preview: asked only when all inputs are known, and never in place of create or update.
 */
import { expect, test } from "vitest";
import type { Operation } from "../../../provider/kind.ts";
import { engineFor, raw, secret, unknown } from "../../fixtures/provider-client.fixture.ts";
import { toy, toyType } from "../../fixtures/provider-toys.fixture.ts";

const inputs = { name: "bear", size: 1 };
const olds = { ...inputs, token: secret("token-of-bear"), serial: 1 };

/** The toy, which foresees its serial number. */
async function withPreview(preview: (inputs: object, operation: Operation, state?: object) => Promise<object>) {
  const made = toy();
  const asked: unknown[][] = [];
  Object.assign(made.catalogue.kinds[0] ?? {}, {
    preview: (given: object, operation: Operation, state?: object) => {
      asked.push([given, state]);
      return preview(given, operation, state);
    },
  });
  return { asked, calls: made.calls, engine: await engineFor(made.catalogue) };
}

test("a preview has the outputs that a kind is certain of, and leaves the others unknown", async () => {
  const { engine, asked, calls } = await withPreview(async () => ({ serial: 7 }));
  const created = await engine.create(toyType, inputs, true);
  expect(raw(created.getProperties())).toMatchObject({ ...inputs, serial: 7, token: secret(unknown) });
  expect([asked, calls]).toEqual([[[inputs, undefined]], []]);
});

test("a preview of an update looks at the state, in the clear", async () => {
  const { engine, asked, calls } = await withPreview(async () => ({ serial: 8 }));
  const updated = await engine.update(toyType, olds, { ...inputs, size: 2 }, true);
  expect(raw(updated.getProperties())).toMatchObject({ size: 2, serial: 8, token: secret("token-of-bear") });
  expect([asked, calls]).toEqual([
    [
      [
        { ...inputs, size: 2 },
        { ...olds, token: "token-of-bear" },
      ],
    ],
    [],
  ]);
});

test("nothing is foreseen from inputs that are not known, however deep", async () => {
  const { engine, asked } = await withPreview(async () => ({ serial: 7 }));
  for (const change of [{ size: unknown }, { nested: { place: unknown } }, { password: secret(unknown) }]) {
    const created = await engine.create(toyType, { ...inputs, ...change }, true);
    expect(raw(created.getProperties()).serial).toBe(unknown);
    await engine.update(toyType, olds, { ...inputs, ...change }, true);
  }
  expect(asked).toEqual([]);
});

test("what would be refused is refused by the preview", async () => {
  const { engine } = await withPreview(async () => {
    throw new Error("the den is full");
  });
  await expect(engine.create(toyType, inputs, true)).rejects.toMatchObject({ details: "the den is full" });
  await expect(engine.update(toyType, olds, inputs, true)).rejects.toMatchObject({ details: "the den is full" });
});

test("an update for real foresees nothing", async () => {
  const { engine, asked, calls } = await withPreview(async () => ({ serial: 7 }));
  await engine.create(toyType, inputs);
  await engine.update(toyType, olds, inputs);
  expect([asked, calls]).toEqual([[], ["create", "update"]]);
});
