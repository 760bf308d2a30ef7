/**
 * Lines for the engine's display. Status lines are shown beside the resource while it is worked on and then forgotten.
 */
import * as grpc from "@grpc/grpc-js";
import enginerpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import { printable } from "../lib/printable.ts";

/**
 * The engine's address in the plugin's arguments: the last one. Before it come flags, some with a value of their own, such
 * as `--tracing` while the engine is traced. Undefined when the plugin was started by hand.
 */
export function engineAddress(args: readonly string[]): string | undefined {
  const last = args.at(-1);
  return last?.startsWith("-") ? undefined : last;
}

/** The engine's log, or standard error where no engine is connected (in tests, or started by hand). */
export class EngineLog {
  private client: InstanceType<typeof enginerpc.EngineClient> | undefined;

  constructor(address: string | undefined) {
    if (address) this.connect(address);
  }

  /** Uses the engine at this address (`host:port`) from now on. */
  connect(address: string): void {
    this.client ??= new enginerpc.EngineClient(address, grpc.credentials.createInsecure());
  }

  /** Writes one line, whoever's words are in it; a lost line is not worth failing an update for. */
  write(severity: "info" | "warning" | "error" | "status", text: string, urn: string): void {
    if (!this.client) {
      process.stderr.write(`${severity}: ${text}\n`);
      return;
    }
    const { INFO, WARNING, ERROR } = engine.LogSeverity;
    const level = severity === "warning" ? WARNING : severity === "error" ? ERROR : INFO;
    const request = new engine.LogRequest()
      .setSeverity(level)
      .setMessage(printable(text))
      .setUrn(urn)
      .setEphemeral(severity === "status");
    this.client.log(request, () => {});
  }
}
