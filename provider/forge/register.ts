/**
 * Registration over the API, with one row as its outcome whatever happens on the way: a POST is never repeated blindly,
 * the forge's list tells what became of it.
 */
import { knowingActions } from "../../lib/forge/actions.ts";
import type { ForgeAccess } from "../../lib/forge/api.ts";
import type { ListedRunner, RunnerCredentials, RunnersApi } from "../../lib/forge/dialect.ts";
import { askRunners } from "../../lib/forge/dialects.ts";
import { ForgeError } from "../../lib/forge/errors.ts";
import { locateRunners } from "../../lib/forge/scope.ts";

/** A runner that is to be registered. */
export interface Wanted {
  name: string;
  /** Empty, `org` or the token's user, or `owner/repository`. */
  scope: string;
  /** Owner mark. */
  owner: string;
}

type Say = (severity: "info" | "warning", text: string) => void;

/**
 * Registers a runner. A row of ours that an earlier run left half-made is removed first: its token is lost.
 * @throws when a namesake is not known to be ours, and ForgeError when the forge does not do it.
 */
export async function registerOverApi(forge: ForgeAccess, wanted: Wanted, say: Say): Promise<RunnerCredentials> {
  const registering = new Registering(
    forge,
    wanted,
    await askRunners(forge),
    await locateRunners(forge, wanted.scope),
    say,
  );
  return knowingActions(forge, () => registering.run());
}

class Registering {
  constructor(
    private readonly forge: ForgeAccess,
    private readonly wanted: Wanted,
    private readonly runners: RunnersApi,
    private readonly place: string,
    private readonly say: Say,
  ) {}

  async run(): Promise<RunnerCredentials> {
    await this.clear();
    const { name } = this.wanted;
    try {
      return await this.runners.register(this.forge, this.place, this.wanted);
    } catch (error) {
      if (!isUnknown(error)) throw error;
      this.say(
        "warning",
        `whether ${name} was registered is not known, so the forge's list is asked: ${error.message}`,
      );
      await this.settle(error);
    }
    const made = await this.secondTry();
    await this.clear(made.runnerId).catch((error: Error) =>
      this.say("warning", `a second row of ${name} may be left on the forge: ${error.message}`),
    );
    return made;
  }

  private async secondTry(): Promise<RunnerCredentials> {
    try {
      return await this.runners.register(this.forge, this.place, this.wanted);
    } catch (error) {
      if (isUnknown(error)) await this.settle(error);
      throw error;
    }
  }

  /** After a registration of unknown outcome: what it made is useless without its token, and goes. */
  private async settle(cause: ForgeError): Promise<void> {
    await this.clear().catch((error: Error) => {
      this.forge.signal?.throwIfAborted();
      throw new Error(
        `${cause.message}. Whether ${this.wanted.name} was registered is not known (${error.message}). ` +
          "Run `pulumi up` again once the forge answers: a row that was left half-made is recognised and removed",
        { cause },
      );
    });
  }

  /** Removes our half-made rows, all but `keep`, and refuses any other namesake. */
  private async clear(keep?: number): Promise<void> {
    const { name, owner } = this.wanted;
    const listed = await this.runners.list(this.forge, this.place);
    const namesakes = listed.filter((runner) => runner.name === name && runner.id !== keep);
    const stranger = namesakes.find((runner) => !isHalfMade(runner, owner));
    if (stranger && keep === undefined) throw new Error(refusal(this.forge.url, stranger, owner));
    for (const { id } of namesakes.filter((runner) => isHalfMade(runner, owner))) {
      this.say("info", `removing registration ${id} of ${name}, left half-made by a run that was cut off`);
      await this.runners.delete(this.forge, this.place, id);
    }
  }
}

/** Whether a row is a registration of this owner that no daemon has taken up. */
export function isHalfMade(runner: ListedRunner, owner: string): boolean {
  return runner.pending && runner.owner === owner;
}

function refusal(url: string, runner: ListedRunner, owner: string): string {
  const already = `a runner named ${runner.name} (number ${runner.id}) is already registered on ${url}`;
  if (runner.owner === owner) {
    return (
      `${already}, by this very stack, and has been in use, but this state does not know it: bring back the state that ` +
      "does, adopt it with `pulumi import`, or delete it on the forge"
    );
  }
  return `${already} and is not ours: choose another vm.name, delete it on the forge, or adopt it with \`pulumi import\``;
}

function isUnknown(error: unknown): error is ForgeError {
  return error instanceof ForgeError && error.outcomeUnknown;
}
