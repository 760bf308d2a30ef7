/**
 * An Actions runner on a VM: its registration on the forge and its daemon, in the order that loses nothing.
 *
 * Made: VM, registration, daemon. Unmade: the daemon drains, the registration is deleted, then the VM goes.
 */
import * as pulumi from "@pulumi/pulumi";
import { runnerRegistrationKind } from "../../resources/forge/runner-registration.ts";
import { runnerServiceKind } from "../../resources/runner/service.ts";
import { Resource, type ResourceArgs } from "../../resources/sdk.ts";
import type { ComponentOptions } from "../component-options.ts";

type RegistrationArgs = ResourceArgs<typeof runnerRegistrationKind>;
type ServiceArgs = ResourceArgs<typeof runnerServiceKind>;

/** What a runner is made of. */
export interface ActionsRunnerArgs {
  /** Name of the runner on the forge, of its VM and of its domain. */
  runnerName: string;
  /** Owner mark. */
  owner: string;
  /** Base URL of the forge. */
  forgeUrl: string;
  /** Empty for the whole instance, `org`, or `owner/repository`. */
  scope: string;
  /** The forge host, where registration goes over SSH. @default the API is used */
  forgeHost?: NonNullable<RegistrationArgs["forgeHost"]> | undefined;
  /** What the runner offers, for example `["fenced"]`. */
  labels: string[];
  /** Image of the container in which a job runs whose label names none: `name:tag`, or `name@sha256:…`. */
  jobImage: string;
  /** Jobs at a time. */
  capacity: number;
  /** Seconds that a running job gets to finish when the runner stops. */
  drainSeconds: number;
  /** Container image or binary. */
  execution: ServiceArgs["execution"];
  /** What jobs may reach. @default everything that the VM can */
  egress?: ServiceArgs["egress"];
  /** What the VM consists of: it is deleted only after the registration is. */
  machine: pulumi.Resource;
  /** The VM and how to log in to it. */
  vm: Pick<ServiceArgs, "vmId" | "vm" | "hypervisor" | "dialErrorLimit">;
}

/** An Actions runner on a VM. */
export class ActionsRunner extends pulumi.ComponentResource {
  /** The forge's id of the runner. Known before the daemon is up, so that a failed start hides nothing. */
  readonly uuid: pulumi.Output<string>;
  /** Address of the VM. */
  readonly address: pulumi.Output<string>;

  constructor(name: string, args: ActionsRunnerArgs, opts: ComponentOptions<"holdfast">) {
    super("holdfast:components:ActionsRunner", name, {}, opts);
    const registration = new Resource(
      runnerRegistrationKind,
      `${name}-registration`,
      {
        forgeUrl: args.forgeUrl,
        scope: args.scope,
        name: args.runnerName,
        owner: args.owner,
        ...(args.forgeHost ? { forgeHost: args.forgeHost } : {}),
      },
      { parent: this, dependsOn: args.machine, deleteBeforeReplace: true },
    );
    const service = new Resource(
      runnerServiceKind,
      `${name}-service`,
      {
        ...args.vm,
        domain: args.runnerName,
        uuid: registration.uuid,
        token: registration.token,
        name: args.runnerName,
        forgeUrl: args.forgeUrl,
        labels: args.labels,
        jobImage: args.jobImage,
        capacity: args.capacity,
        drainSeconds: args.drainSeconds,
        execution: args.execution,
        ...(args.egress ? { egress: args.egress } : {}),
      },
      // Boot, cloud-init with its packages, and two slow image pulls: each has its own shorter bound inside.
      { parent: this, deleteBeforeReplace: true, customTimeouts: { create: "90m", update: "90m" } },
    );
    this.uuid = registration.uuid;
    this.address = service.address;
    this.registerOutputs({ uuid: this.uuid, address: this.address });
  }
}
