/**
 * A resource kind and a function to test the plugin's server with. The kind keeps its resources in memory.
 */
import { z } from "zod";
import { NotReady, type Operation, type ResourceKind, type State } from "../../provider/kind.ts";
import type { Catalogue } from "../../provider/server.ts";

const inputs = z.strictObject({
  name: z.string().regex(/^[a-z]+$/, "expected lower-case letters"),
  size: z.int().min(1, "expected at least 1"),
  password: z.string().optional(),
  nested: z.strictObject({ place: z.string().min(3, "expected a place") }).optional(),
});

type Inputs = z.infer<typeof inputs>;
type ToyState = State<Inputs> & { token: string; serial: number };

/** The toy's type token. */
export const toyType = "holdfast:test:Toy";

/** A fresh kind, with what was asked of it. `behave` runs at the start of create and update. */
export function toy(behave: (inputs: Inputs, operation: Operation) => void | Promise<void> = () => {}) {
  const calls: string[] = [];
  const configs: unknown[] = [];
  const there = new Map<string, ToyState>();
  const kind: ResourceKind<Inputs, ToyState> = {
    type: toyType,
    inputs,
    secrets: ["token"],
    computed: { token: z.string(), serial: z.int() },
    replaceOn: ["name"],
    async create(inputs, operation) {
      calls.push("create");
      configs.push(operation.config);
      await behave(inputs, operation);
      const state = { ...inputs, token: `token-of-${inputs.name}`, serial: 1 };
      there.set("1", state);
      if (inputs.size === 13) throw new NotReady("thirteen never starts", "1", state);
      return { id: "1", state };
    },
    async read(id, state) {
      calls.push("read");
      const found = there.get(id);
      if (!found) return undefined;
      const { name, size } = found;
      return { id, state: { ...found, ...(state ? { drift: ["it leans"] } : {}) }, inputs: { name, size } };
    },
    async update(_id, state, inputs, operation) {
      calls.push("update");
      await behave(inputs, operation);
      if (inputs.size === 13) throw new NotReady("thirteen never starts", "1", { ...state, ...inputs });
      return { ...state, ...inputs };
    },
    async delete(id, state) {
      calls.push(`delete ${id} ${state.name}`);
      there.delete(id);
    },
  };
  const echo = {
    token: "holdfast:test:echo",
    inputs: z.strictObject({ text: z.string().min(1, "expected a text") }),
    invoke: async ({ text }: { text: string }) => ({ said: text }),
  };
  const catalogue = { version: "0.0.1", kinds: [kind], functions: [echo] } as unknown as Catalogue;
  return { calls, configs, there, catalogue };
}
