/**
 * A client of the plugin that does what the engine does: real gRPC on loopback, values marked and read as the engine marks
 * and reads them. It knows the wire format by itself, so that a mistake in provider/wire.ts shows.
 */
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import provrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import status from "@pulumi/pulumi/proto/status_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import { onTestFinished } from "vitest";
import { type Catalogue, type Hooks, serve } from "../../provider/server.ts";

/** What the engine sends for a value that is not known yet. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A value as the engine marks a secret. */
export function secret(value: unknown) {
  return { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value };
}

/** The URN of a resource of this type. */
export function urn(type: string): string {
  return `urn:pulumi:crunchy::runners::holdfast:components:ActionsRunner$${type}::it`;
}

function struct(values: object): structpb.Struct {
  return structpb.Struct.fromJavaScript(values as Parameters<typeof structpb.Struct.fromJavaScript>[0]);
}

/** Properties as they stand on the wire, marks and all. */
export function raw(properties: structpb.Struct | undefined): Record<string, unknown> {
  return (properties?.toJavaScript() ?? {}) as Record<string, unknown>;
}

/** What a resource that exists but is not ready travels with, as the engine reads it from the status details. */
export function initFailure(error: unknown): { id: string; properties: Record<string, unknown>; reasons: string[] } {
  const [details] = (error as grpc.ServiceError).metadata.get("grpc-status-details-bin");
  const decoded = status.Status.deserializeBinary(Buffer.from(details as Buffer));
  const [packed] = decoded.getDetailsList();
  if (packed?.getTypeName() !== "pulumirpc.ErrorResourceInitFailed")
    throw new Error(`it is a ${packed?.getTypeName()}`);
  const failed = pb.ErrorResourceInitFailed.deserializeBinary(packed.getValue_asU8());
  return { id: failed.getId(), properties: raw(failed.getProperties()), reasons: failed.getReasonsList() };
}

export type Engine = ReturnType<typeof engineOn>;

/** Serves the catalogue and connects to it, until the test is over. Leaves no evidence without a recorder. */
export async function engineFor(catalogue: Catalogue, hooks: Hooks = {}) {
  return engineOn(await serve(catalogue, undefined, hooks));
}

/** Connects to a plugin that listens on this port of loopback, until the test is over. */
export function engineOn(port: number) {
  const client = new provrpc.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  onTestFinished(() => client.close());
  type Call = (request: unknown, callback: (error: grpc.ServiceError | null, response: unknown) => void) => void;
  const call = <T>(method: string, request: unknown) =>
    promisify((client as unknown as Record<string, Call>)[method]?.bind(client) as Call)(request) as Promise<T>;
  return {
    /** Any call with its request as it is. */
    call,
    configure: (config: object) =>
      call<pb.ConfigureResponse>("configure", new pb.ConfigureRequest().setArgs(struct(config))),
    checkConfig: (config: object) =>
      call<pb.CheckResponse>("checkConfig", new pb.CheckRequest().setNews(struct(config))),
    diffConfig: (oldInputs: object, news: object) =>
      call<pb.DiffResponse>("diffConfig", new pb.DiffRequest().setOldInputs(struct(oldInputs)).setNews(struct(news))),
    check: (type: string, news: object) =>
      call<pb.CheckResponse>("check", new pb.CheckRequest().setUrn(urn(type)).setNews(struct(news))),
    diff: (type: string, oldInputs: object, olds: object, news: object) =>
      call<pb.DiffResponse>(
        "diff",
        new pb.DiffRequest()
          .setUrn(urn(type))
          .setOldInputs(struct(oldInputs))
          .setOlds(struct(olds))
          .setNews(struct(news)),
      ),
    create: (type: string, inputs: object, preview = false) =>
      call<pb.CreateResponse>(
        "create",
        new pb.CreateRequest().setUrn(urn(type)).setProperties(struct(inputs)).setPreview(preview),
      ),
    read: (type: string, id: string, state: object = {}, inputs: object = {}) =>
      call<pb.ReadResponse>(
        "read",
        new pb.ReadRequest().setUrn(urn(type)).setId(id).setProperties(struct(state)).setInputs(struct(inputs)),
      ),
    update: (type: string, olds: object, news: object, preview = false) =>
      call<pb.UpdateResponse>(
        "update",
        new pb.UpdateRequest()
          .setUrn(urn(type))
          .setId("1")
          .setOlds(struct(olds))
          .setNews(struct(news))
          .setPreview(preview),
      ),
    delete: (type: string, id: string, state: object) =>
      call<empty.Empty>("delete", new pb.DeleteRequest().setUrn(urn(type)).setId(id).setProperties(struct(state))),
    invoke: (token: string, args: object) =>
      call<pb.InvokeResponse>("invoke", new pb.InvokeRequest().setTok(token).setArgs(struct(args))),
    cancel: () => call<empty.Empty>("cancel", new empty.Empty()),
  };
}
