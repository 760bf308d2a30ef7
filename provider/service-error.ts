/**
 * Errors on their way to the engine. A resource that exists but is not ready travels with its id and state in the gRPC
 * status details, so that the engine keeps it and the next update goes on from there.
 */
import * as grpc from "@grpc/grpc-js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import status from "@pulumi/pulumi/proto/status_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import type structpb from "google-protobuf/google/protobuf/struct_pb.js";
import { printable } from "../lib/printable.ts";
import { NotReady } from "./kind.ts";

/**
 * @param encodeState writes the state of a `NotReady` resource to the wire, secrets marked.
 */
export function asServiceError(
  error: unknown,
  encodeState?: (state: object) => structpb.Struct,
): Partial<grpc.StatusObject> & { message: string; name: string } {
  if (isServiceError(error)) return error;
  const message = printable(error instanceof Error ? error.message : String(error));
  const base = { name: "ServiceError", message, details: message };
  if (!(error instanceof NotReady) || !encodeState) {
    return {
      ...base,
      code:
        (error as { code?: unknown }).code === grpc.status.UNIMPLEMENTED
          ? grpc.status.UNIMPLEMENTED
          : grpc.status.UNKNOWN,
    };
  }
  const failed = new pb.ErrorResourceInitFailed()
    .setId(error.id)
    .setProperties(encodeState(error.state))
    .setReasonsList([message]);
  const packed = new any.Any();
  packed.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const details = new status.Status().setCode(grpc.status.UNKNOWN).setMessage(message);
  details.addDetails(packed);
  const metadata = new grpc.Metadata();
  // grpc-js has no notion of status details: this header is what Go's gRPC reads them from.
  metadata.add("grpc-status-details-bin", Buffer.from(details.serializeBinary()));
  return { ...base, code: grpc.status.UNKNOWN, metadata };
}

function isServiceError(error: unknown): error is grpc.ServiceError {
  return error instanceof Object && "details" in error && "code" in error;
}
