/**
 * Pulumi mocks that write down every resource with its inputs, and its options as the program gave them. A function that
 * nobody expects is an error.
 */
import * as pulumi from "@pulumi/pulumi";

/** A resource as it was registered. */
export interface Recorded {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  /** Reference of its explicit provider, or empty. */
  provider: string;
  custom: boolean;
}

const secretMark = "4dabf18193072939515e22adb298388d";

export class Recorder {
  readonly resources: Recorded[] = [];
  private readonly options = new Map<string, pulumi.CustomResourceOptions>();

  /** @param outputs what resources of a type have besides their inputs. */
  static async start(project: string, outputs: Record<string, Record<string, unknown>> = {}): Promise<Recorder> {
    const recorder = new Recorder();
    await pulumi.runtime.setMocks(
      {
        call: (args) => {
          throw new Error(`function ${args.token} was not expected`);
        },
        newResource: (args) => {
          const { type, name, inputs, provider = "", custom = false } = args;
          recorder.resources.push({ type, name, inputs, provider, custom });
          return { id: `${name}-id`, state: { ...inputs, ...outputs[type] } };
        },
      },
      project,
      "crunchy",
    );
    return recorder;
  }

  /** For the options of a component: writes down what its children are given. */
  readonly transformation: pulumi.ResourceTransformation = ({ name, opts }) => {
    this.options.set(name, opts);
    return undefined;
  };

  /** The one resource of this name. */
  find(name: string): Recorded {
    const [found, ...more] = this.resources.filter((resource) => resource.name === name);
    if (!found || more.length > 0)
      throw new Error(`there are ${more.length + (found ? 1 : 0)} resources named ${name}`);
    return found;
  }

  /** Names of custom resources whose provider is no explicit one of their package. There must be none: default ones are denied. */
  withDefaultProvider(): string[] {
    const made = this.resources.filter(({ custom, type }) => custom && !type.startsWith("pulumi:"));
    if (made.length === 0) throw new Error("no custom resource was registered");
    const ofPackage = (type: string) => `::pulumi:providers:${type.split(":")[0]}::`;
    return made.filter(({ type, provider }) => !provider.includes(ofPackage(type))).map(({ name }) => name);
  }

  optionsOf(name: string): pulumi.CustomResourceOptions {
    return this.options.get(name) ?? {};
  }

  /** Everything that was registered, as text, with what is marked as secret left out. */
  inTheClear(): string {
    return JSON.stringify(this.resources, (_key, value) => (isSecret(value) ? "[secret]" : value));
  }
}

/** Whether an input arrived with the engine's secret mark. */
export function isSecret(value: unknown): value is { value: unknown } {
  return value !== null && typeof value === "object" && secretMark in value;
}

/** Waits until the engine has the resource and gives its id: what to await instead of a while. */
export function settled(resource: pulumi.CustomResource): Promise<string> {
  return resolved(resource.id);
}

/** The value of an output. */
export function resolved<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => {
    output.apply((value) => resolve(value as T));
  });
}
