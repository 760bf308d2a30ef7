/**
 * What the plugin's server answers the engine with, in the shapes of its protocol. Pure but for `answer`.
 */
import * as grpc from "@grpc/grpc-js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import { asServiceError } from "./service-error.ts";
import { type Decoded, encode } from "./wire.ts";

type Handler<Request, Response> = grpc.handleUnaryCall<Request, Response>;

/** Inputs or configuration as they were given, their secrets marked. */
export function echoInputs(decoded: Decoded): pb.CheckResponse {
  return new pb.CheckResponse().setInputs(encode(decoded.values, decoded.secrets));
}

/** What is wrong with one input. */
export function checkFailure(failure: { property: string; reason: string }): pb.CheckFailure {
  return new pb.CheckFailure().setProperty(failure.property).setReason(failure.reason);
}

/** A difference by property; drift and a forced run are ones that no input has. */
export function diffResponse({ changed, replaces }: { changed: string[]; replaces: string[] }): pb.DiffResponse {
  const { DIFF_SOME, DIFF_NONE } = pb.DiffResponse.DiffChanges;
  const response = new pb.DiffResponse()
    .setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setDiffsList(changed)
    .setReplacesList(replaces)
    .setDeletebeforereplace(replaces.length > 0)
    .setHasdetaileddiff(true);
  for (const name of changed) {
    const { UPDATE, UPDATE_REPLACE } = pb.PropertyDiff.Kind;
    response
      .getDetaileddiffMap()
      .set(
        name,
        new pb.PropertyDiff()
          .setKind(replaces.includes(name) ? UPDATE_REPLACE : UPDATE)
          .setInputdiff(name !== "drift" && name !== "forcedRun"),
      );
  }
  return response;
}

/** The error for what this plugin does not have. */
export function unimplemented(what: string): Error {
  return Object.assign(new Error(`plugin holdfast has no ${what}`), { code: grpc.status.UNIMPLEMENTED });
}

/** A call in messages: `create of vm`, or its name alone. */
export function callName(method: string, request: unknown): string {
  const { getUrn } = request as { getUrn?(): string };
  const name = getUrn?.call(request).split("::").at(-1);
  return name ? `${method} of ${name}` : method;
}

/** Turns a function of the request into a gRPC handler; whatever it throws reaches the engine as one short message. */
export function answer<Request, Response>(
  respond: (request: Request) => Response | Promise<Response>,
): Handler<Request, Response> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => respond(call.request))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(asServiceError(error)),
      );
  };
}
