/**
 * A thin gRPC server on the SDK's protos. The SDK's own provider server drops the provider's configuration, has no
 * preview flag and writes what handlers return in the clear; this one carries all three (docs/decisions/0001).
 */
import * as grpc from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import provrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import type { Drift } from "../resources/kind.ts";
import { type Declared, packageSchema } from "../resources/package-schema.ts";
import type { ProviderConfig } from "../resources/provider-config.ts";
import type { Activity } from "./activity.ts";
import { Calls } from "./calls.ts";
import { violations } from "./check.ts";
import { difference } from "./diff.ts";
import { EngineLog } from "./engine-log.ts";
import type { Recorder, Step } from "./evidence/recorder.ts";
import { textsIn } from "./evidence/redact.ts";
import { preview, stable, unfinished } from "./expectation.ts";
import { isForced } from "./forced-run.ts";
import type { AnyProviderFunction, AnyResourceKind, Operation } from "./kind.ts";
import { type Doorkeeper, listen } from "./listen.ts";
import { answer, callName, checkFailure, diffResponse, echoInputs, unimplemented } from "./responses.ts";
import { asServiceError } from "./service-error.ts";
import { checkedId, checkedState } from "./state.ts";
import { type Decoded, decode, encode, holdsUnknown, type Properties } from "./wire.ts";

/** A state as the server knows it, whatever its kind. */
type State = Properties & Drift;
/** What answers a call of one kind. */
type Respond = (request: never) => unknown;

/** Version of the shape of the states that this plugin writes; a newer one is refused instead of misread. */
export const stateVersion = 1;

/** What the plugin offers, with what carries it out. */
export interface Catalogue extends Declared {
  kinds: readonly AnyResourceKind[];
  functions: readonly AnyProviderFunction[];
}

/** What the plugin's process does beside serving. */
export interface Hooks {
  /** The calls that are being answered; for who watches over the process. */
  calls?: Calls;
  /** Says whose a connection is; for tests. */
  doorkeeper?: Partial<Doorkeeper>;
  /** Leaves evidence of what is changed; without it there is none. */
  recorder?: Recorder;
  /** Counts what the engine asks. */
  activity?: Activity;
  /** Told the configuration as it comes, before anything is asked of the plugin. */
  configured?(config: ProviderConfig, log: EngineLog): void;
}

/** Something that an operation is about to change; see `Recorded`. */
interface Change {
  operation: Step["operation"];
  urn: string;
  kind: AnyResourceKind;
  before: Decoded[];
}

/**
 * Serves the catalogue on loopback. Resolves to the port, which the caller prints for the engine.
 */
export async function serve(
  catalogue: Catalogue,
  engineAddress: string | undefined,
  hooks: Hooks = {},
): Promise<number> {
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  const log = new EngineLog(engineAddress);
  server.addService(
    provrpc.ResourceProviderService as unknown as grpc.ServiceDefinition,
    new Plugin(catalogue, log, hooks).handlers(),
  );
  return listen(server, { refused: (text) => log.write("warning", text, ""), ...hooks.doorkeeper });
}

class Plugin {
  private readonly cancelled = new AbortController();
  private readonly calls: Calls;
  private configured: Decoded = { values: {}, secrets: new Set() };

  constructor(
    private readonly catalogue: Catalogue,
    private readonly engine: EngineLog,
    private readonly hooks: Hooks,
  ) {
    this.calls = hooks.calls ?? new Calls();
  }

  /** Every handler, counted and watched over. */
  handlers(): grpc.UntypedServiceImplementation {
    const handler = ([name, respond]: [string, Respond]) => {
      const watched = answer((request: unknown) =>
        this.calls.answer(callName(name, request), () => respond(request as never)),
      );
      const counted: grpc.handleUnaryCall<unknown, unknown> = (call, callback) => {
        const ended = this.hooks.activity?.began(name);
        watched(call, (...result) => {
          ended?.();
          callback(...result);
        });
      };
      return [name, counted];
    };
    return Object.fromEntries(Object.entries(this.methods()).map(handler));
  }

  private methods(): Record<string, Respond> {
    return {
      handshake: (request: pb.ProviderHandshakeRequest) => {
        this.engine.connect(request.getEngineAddress());
        return new pb.ProviderHandshakeResponse().setAcceptSecrets(true);
      },
      attach: (request: plugin.PluginAttach) => {
        this.engine.connect(request.getAddress());
        return new empty.Empty();
      },
      getPluginInfo: () => new plugin.PluginInfo().setVersion(this.catalogue.version),
      getSchema: () => new pb.GetSchemaResponse().setSchema(JSON.stringify(packageSchema(this.catalogue))),
      checkConfig: (request: pb.CheckRequest) => echoInputs(decode(request.getNews())),
      diffConfig: (request: pb.DiffRequest) =>
        diffResponse(
          difference(decode(request.getOldInputs() ?? request.getOlds()).values, decode(request.getNews()).values, []),
        ),
      configure: (request: pb.ConfigureRequest) => {
        this.configured = decode(request.getArgs());
        this.hooks.configured?.(this.configured.values as ProviderConfig, this.engine);
        return new pb.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
      },
      invoke: (request: pb.InvokeRequest) => this.invoke(request),
      check: (request: pb.CheckRequest) => this.check(request),
      diff: (request: pb.DiffRequest) => this.diff(request),
      create: (request: pb.CreateRequest) => this.create(request),
      read: (request: pb.ReadRequest) => this.read(request),
      update: (request: pb.UpdateRequest) => this.update(request),
      delete: (request: pb.DeleteRequest) => this.delete(request),
      cancel: () => {
        this.cancelled.abort(new Error("cancelled by the user"));
        return new empty.Empty();
      },
    };
  }

  private async invoke(request: pb.InvokeRequest): Promise<pb.InvokeResponse> {
    const wanted = this.catalogue.functions.find((candidate) => candidate.token === request.getTok());
    if (!wanted) throw unimplemented(`function ${request.getTok()}`);
    const { values, secrets } = decode(request.getArgs());
    const failures = violations(wanted.inputs, values);
    if (failures.length > 0) return new pb.InvokeResponse().setFailuresList(failures.map(checkFailure));
    const result = await wanted.invoke(wanted.inputs.parse(values), this.operation(""));
    // Which argument is in which result nobody knows: one secret makes all of them secret.
    return new pb.InvokeResponse().setReturn(encode(result, new Set(secrets.size > 0 ? Object.keys(result) : [])));
  }

  private check(request: pb.CheckRequest): pb.CheckResponse {
    const decoded = decode(request.getNews());
    const failures = violations(this.kind(request.getUrn()).inputs, decoded.values);
    return echoInputs(decoded).setFailuresList(failures.map(checkFailure));
  }

  private diff(request: pb.DiffRequest): pb.DiffResponse {
    const kind = this.kind(request.getUrn());
    const olds = this.decodeOlds(request.getOlds());
    const oldInputs = request.getOldInputs() ? decode(request.getOldInputs()).values : olds.values;
    const drift = (olds.values.drift ?? []) as string[];
    const forced = kind.reruns === true && isForced(olds.values);
    return diffResponse(difference(oldInputs, decode(request.getNews()).values, kind.replaceOn, drift, forced));
  }

  private async create(request: pb.CreateRequest): Promise<pb.CreateResponse> {
    const kind = this.kind(request.getUrn());
    const inputs = decode(request.getProperties());
    if (request.getPreview()) {
      const expected = { ...preview(kind, inputs.values), ...(await this.preview(kind, request.getUrn(), inputs)) };
      return new pb.CreateResponse().setProperties(this.encodeState(kind, expected, inputs));
    }
    try {
      const { id, state } = await this.change(
        { operation: "create", urn: request.getUrn(), kind, before: [inputs] },
        (operation) => kind.create(inputs.values, operation),
        ({ state }) => state,
      );
      return new pb.CreateResponse().setId(id).setProperties(this.encodeState(kind, state, inputs));
    } catch (error) {
      throw asServiceError(error, (state) => this.encodeState(kind, state, inputs));
    }
  }

  private async read(request: pb.ReadRequest): Promise<pb.ReadResponse> {
    const kind = this.kind(request.getUrn());
    const known = this.decodeState(request.getProperties(), kind, request.getUrn());
    const state = Object.keys(known.values).length > 0 ? (known.values as State) : undefined;
    const id = checkedId(request.getId(), request.getUrn());
    const found = await kind.read(id, state, this.operation(request.getUrn()));
    if (!found) return new pb.ReadResponse();
    const inputs = state ? decode(request.getInputs()) : { values: found.inputs, secrets: new Set(kind.secrets) };
    const drift = [...(found.state.drift ?? []), ...(state ? unfinished(inputs.values, state) : [])];
    return new pb.ReadResponse()
      .setId(found.id)
      .setProperties(this.encodeState(kind, { ...found.state, drift }, known))
      .setInputs(encode(inputs.values, inputs.secrets));
  }

  private async update(request: pb.UpdateRequest): Promise<pb.UpdateResponse> {
    const kind = this.kind(request.getUrn());
    const olds = this.decodeState(request.getOlds(), kind, request.getUrn());
    const inputs = decode(request.getNews());
    if (request.getPreview()) {
      const changed = this.reasonsToUpdate(request, kind, olds);
      const seen = await this.preview(kind, request.getUrn(), inputs, olds);
      const expected = { ...preview(kind, inputs.values), ...stable(kind, olds.values, changed), ...seen };
      return new pb.UpdateResponse().setProperties(this.encodeState(kind, expected, inputs));
    }
    try {
      const old = olds.values as State;
      const state = await this.change(
        { operation: "update", urn: request.getUrn(), kind, before: [olds, inputs] },
        (operation) => kind.update(checkedId(request.getId(), request.getUrn()), old, inputs.values, operation),
        (state) => state,
      );
      return new pb.UpdateResponse().setProperties(this.encodeState(kind, { ...state, drift: [] }, inputs));
    } catch (error) {
      throw asServiceError(error, (state) => this.encodeState(kind, state, inputs));
    }
  }

  /** What the kind itself can say in a preview; nothing while an input is unknown. */
  private async preview(kind: AnyResourceKind, urn: string, inputs: Decoded, olds?: Decoded): Promise<object> {
    if (!kind.preview || holdsUnknown(inputs.values)) return {};
    return kind.preview(inputs.values, this.operation(urn), olds?.values as State | undefined);
  }

  private reasonsToUpdate(request: pb.UpdateRequest, kind: AnyResourceKind, olds: Decoded): string[] {
    const oldInputs = request.getOldInputs() ? decode(request.getOldInputs()).values : olds.values;
    const drift = (olds.values.drift ?? []) as string[];
    const forced = kind.reruns === true && isForced(olds.values);
    return difference(oldInputs, decode(request.getNews()).values, [], drift, forced).changed;
  }

  private async delete(request: pb.DeleteRequest): Promise<empty.Empty> {
    const kind = this.kind(request.getUrn());
    const state = this.decodeState(request.getProperties(), kind, request.getUrn());
    await this.change(
      { operation: "delete", urn: request.getUrn(), kind, before: [state] },
      (operation) => kind.delete(checkedId(request.getId(), request.getUrn()), state.values as State, operation),
      () => undefined,
    );
    return new empty.Empty();
  }

  /** Does what changes something outside, and leaves evidence of it. */
  private change<T>(
    about: Change,
    work: (operation: Operation) => Promise<T>,
    stateOf: (result: T) => object | undefined,
  ): Promise<T> {
    const operation = this.operation(about.urn);
    const guarded = () => this.calls.guard(work(operation));
    if (!this.hooks.recorder) return guarded();
    const { kind, ...step } = about;
    const secrets = textsIn(this.configured.values, this.configured.secrets);
    const warn = (text: string) => operation.log("warning", text);
    const recorded = { ...step, stateOf, signal: operation.signal, secretNames: kind.secrets, secrets, warn };
    return this.hooks.recorder.record(recorded, guarded);
  }

  private kind(urn: string): AnyResourceKind {
    const type = urn.split("::")[2]?.split("$").at(-1);
    const found = this.catalogue.kinds.find((candidate) => candidate.type === type);
    if (!found) throw unimplemented(`resource type ${type}`);
    return found;
  }

  private operation(urn: string): Operation {
    const warn = (text: string) => this.engine.write("warning", text, urn);
    return {
      urn,
      signal: this.cancelled.signal,
      config: this.configured.values as ProviderConfig,
      log: (severity, text) => this.engine.write(severity, text, urn),
      recordVersion: (what, version) => this.hooks.recorder?.recordVersion(what, version),
      attachEvidence: (files) => this.hooks.recorder?.attachEvidence(urn, files, warn),
      appendEvidence: (file, row) =>
        this.hooks.recorder?.appendEvidence(
          urn,
          file,
          row,
          textsIn(this.configured.values, this.configured.secrets),
          warn,
        ),
    };
  }

  /** A state as its kind may have it; see state.ts. None at all is an import's. */
  private decodeState(struct: Parameters<typeof decode>[0], kind: AnyResourceKind, urn: string): Decoded {
    const { values, secrets } = this.decodeOlds(struct);
    return { values: Object.keys(values).length > 0 ? checkedState(kind, values, urn) : values, secrets };
  }

  private decodeOlds(struct: Parameters<typeof decode>[0]): Decoded {
    const decoded = decode(struct);
    const version = Number(decoded.values.stateVersion ?? stateVersion);
    if (version > stateVersion) {
      throw new Error(
        `this state was written by a newer holdfast (state version ${version}, this one knows ${stateVersion}); use that version`,
      );
    }
    return decoded;
  }

  private encodeState(kind: AnyResourceKind, state: object, inputs: Decoded) {
    const drift = (state as { drift?: string[] }).drift ?? [];
    return encode({ ...state, drift, stateVersion } as Properties, new Set([...kind.secrets, ...inputs.secrets]));
  }
}
