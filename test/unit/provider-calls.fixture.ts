/**
 * The plugin's process with toys that break: what is thrown in an event of theirs, nobody catches.
 * usage: tsx provider-calls.fixture.ts
 */
import { EventEmitter } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { runPlugin } from "../../provider/process.ts";
import { toy } from "./provider-toys.fixture.ts";

/** Made before any call, so that what happens in it belongs to none. */
const nobodys = new EventEmitter();
setInterval(() => nobodys.emit("tick"), 20);

const never = () => new Promise<void>(() => {});

const { catalogue } = toy(async ({ name, size }) => {
  if (name === "event") {
    setImmediate(() => {
      throw new Error("a fault in an event, with planted-secret in it");
    });
    return never();
  }
  if (name === "rejection") {
    void pause(5).then(() => Promise.reject(new RangeError("Invalid string length")));
    return never();
  }
  if (name === "nobody") {
    nobodys.once("tick", () => {
      throw new Error("a fault of nobody");
    });
    return never();
  }
  if (name === "slow") await pause(size);
});
await runPlugin(catalogue);
