/**
 * Installs a release on an operations runner, and removes it again. Root owns all of it, the target user only runs it. Each
 * step looks first, so that a run that was cut off anywhere is gone on with by the next one.
 */

import { shellQuote, shellScript } from "../../lib/shell.ts";
import type { SshConnection } from "../../lib/ssh/connection.ts";
import type { OperationsInputs } from "../../resources/runner/operations-toolchain.ts";
import type { Operation } from "../kind.ts";
import { checkEgress, deliver, stagedArchive, withoutRoom } from "./operations-delivery.ts";
import {
  digestOf,
  foreign,
  isOurDropIn,
  linkTarget,
  type Observation,
  objection,
  observe,
  wrongWith,
} from "./operations-observation.ts";
import { dropInPath, dropInText, type Marker, pathsOf, systemLink } from "./operations-paths.ts";
import type { Skipped, Steps } from "./operations-steps.ts";

/** Bound on unpacking, and on reading all of a release: half a gigabyte from a slow disk. */
const bulkSeconds = 900;

/** What runs there. */
const scripts = {
  release: shellScript(import.meta.dirname, "release.sh"),
  preparePrefix: shellScript(import.meta.dirname, "prepare-prefix.sh"),
  removePrefix: shellScript(import.meta.dirname, "remove-prefix.sh"),
  sshdDropIn: shellScript(import.meta.dirname, "sshd-drop-in.sh"),
};

/** Work on one runner. */
export class OpsRunnerWork {
  private readonly paths;

  constructor(
    private readonly connection: SshConnection,
    private readonly inputs: OperationsInputs,
    private readonly steps: Steps,
    private readonly log: Operation["log"],
  ) {
    this.paths = pathsOf(inputs.prefix);
  }

  /** Installs the release. @returns what `holdfast --version` said. */
  async install(): Promise<string> {
    const { connection, inputs, steps } = this;
    const { release, vm, prefix, owner } = inputs;
    if (!release) throw new Error("there is no release to install");
    const seen = await observe(connection, prefix);
    const home = `${this.paths.releases}/${release.sha256}`;
    await steps.take("os", `looking at ${vm}`, async () => {
      const wrong = objection(inputs, seen);
      if (wrong) throw new Error(wrong);
      if (seen.osId !== "ubuntu")
        this.log("warning", `${vm} runs ${seen.osName}, no Ubuntu LTS: runner_os allows it, nobody vouches for it`);
      return seen.osName;
    });
    await steps.take("prefix", `preparing ${prefix}`, () => this.prepare(seen));
    let intact = false;
    await steps.take("content", `looking at what ${vm} has`, async () => {
      intact = await this.isIntact(home);
      return intact
        ? "the release is there, every file as it was packed"
        : "the release is not there, or not as it was packed";
    });
    await steps.take("egress", `looking at what ${vm} reaches`, async () => {
      if (intact || !release.url) return { skipped: release.url ? "the release is there" : "nothing is fetched there" };
      return checkEgress(connection, vm, release.url);
    });
    await steps.take("deliver", "sending the release", () => this.deliver(intact, release));
    await steps.take("unpack", `unpacking the release on ${vm}`, () => this.unpack(intact, home));
    let version = "";
    await steps.take("verify", `running the release on ${vm}`, async () => {
      version = await this.verify(home);
      return version;
    });
    await steps.take("activate", `switching ${vm} to the release`, () => this.activate(seen, release.sha256));
    await steps.take("system-link", `linking ${systemLink}`, () => this.link(seen));
    await steps.take("sshd", `looking at ${dropInPath}`, () => this.sshd(seen));
    await steps.take("sweep", `removing what ${vm} no longer needs`, () => this.sweep(release.sha256, seen));
    await steps.take("proof", `looking at ${vm} again`, async () => {
      const wrong = wrongWith(inputs, await observe(connection, prefix));
      if (wrong.length > 0) throw new Error(`${owner} on ${vm} is not as it should be: ${wrong.join("; ")}`);
      return "everything is as it should be";
    });
    return version;
  }

  /** Removes everything that a stack of this owner may have put there, and that its use leaves behind. */
  async remove(): Promise<void> {
    const { connection, inputs, steps, paths } = this;
    const { prefix, vm, owner } = inputs;
    const seen = await observe(connection, prefix);
    await steps.take("system-link", `removing ${systemLink}`, async () => {
      if (seen.link !== linkTarget(prefix)) return { skipped: "it is not there, or leads elsewhere" };
      await connection.must(`rm -f ${shellQuote(systemLink)}`);
      return "removed";
    });
    await steps.take("sshd", `removing ${dropInPath}`, async () => {
      if (!isOurDropIn(owner, seen)) return { skipped: "it is not there, or somebody else's" };
      return this.tellSshd("removed", "remove");
    });
    await steps.take("prefix", `removing ${prefix}`, async () => {
      if (!seen.filled) return { skipped: "there is nothing" };
      const other = foreign(inputs, seen);
      if (other) {
        this.log("warning", `nothing was removed there: ${other}`);
        return { skipped: other };
      }
      // As the user: what it uses the toolchain for leaves a cache, and root follows no link of a user's.
      await connection.run(userLeftovers, { asUser: true });
      const { marker, stage, releases, current } = paths;
      const removal = scripts.removePrefix.call(prefix, marker, stage, releases, current);
      const left = (await connection.must(removal, { timeoutSeconds: bulkSeconds })).trim();
      if (left !== "")
        this.log("warning", `${prefix} on ${vm} stays: holdfast did not make ${left.split("\n").join(", ")}`);
      return "removed";
    });
  }

  private async prepare(seen: Observation): Promise<string | Skipped> {
    const { prefix, marker, stage, releases } = this.paths;
    if (!seen.marker) {
      await this.connection.must(`mkdir -p -m 0755 ${shellQuote(prefix)}`);
      await this.mark({ owner: this.inputs.owner });
    }
    await this.connection.must(scripts.preparePrefix.call(prefix, releases, stage));
    return seen.marker ? { skipped: `${marker} is there` } : "made";
  }

  private mark(marker: Marker): Promise<void> {
    const content = `${JSON.stringify(marker)}\n`;
    return this.connection.writeFiles([{ path: this.paths.marker, content, mode: "0644" }]);
  }

  /** Whether the release is there with every file as it was packed. */
  private async isIntact(home: string): Promise<boolean> {
    return (
      (await this.connection.run(scripts.release.call("intact", home), { timeoutSeconds: bulkSeconds })).code === 0
    );
  }

  private async deliver(intact: boolean, release: NonNullable<OperationsInputs["release"]>): Promise<string | Skipped> {
    if (intact) return { skipped: "the release is there, every file as it was packed" };
    const { stage } = this.paths;
    const staged = shellQuote(stagedArchive({ stage, release }));
    const check = `echo "${release.sha256}  "${staged} | sha256sum --check --status`;
    if ((await this.connection.run(check, { timeoutSeconds: bulkSeconds })).code === 0)
      return { skipped: "an earlier run has delivered it" };
    const say = (text: string) => this.log("status", text);
    return deliver(this.connection, { release, stage, vm: this.inputs.vm, say });
  }

  private async unpack(intact: boolean, home: string): Promise<string | Skipped> {
    if (intact) return { skipped: "every file is as it was packed" };
    const { stage } = this.paths;
    const release = this.inputs.release ?? { sha256: "" };
    const unpack = scripts.release.call("unpack", stagedArchive({ stage, release }), stage, home);
    await this.connection.must(unpack, { timeoutSeconds: bulkSeconds }).catch((error: Error) => {
      throw withoutRoom(error, this.inputs.vm);
    });
    return "unpacked, every file as it was packed";
  }

  /** Runs what was installed as who is to use it. */
  private async verify(home: string): Promise<string> {
    const said: string[] = [];
    for (const command of ["holdfast --version", "pulumi version"]) {
      const { code, stdout, stderr } = await this.connection.run(`${shellQuote(`${home}/bin`)}/${command}`, {
        timeoutSeconds: 120,
        asUser: true,
      });
      if (code !== 0) {
        const words = (stderr.trim() || stdout.trim()).split("\n").slice(-5).join("\n");
        throw new Error(`\`${command}\` as ${this.inputs.target.user} ended with ${code}: ${words}`);
      }
      said.push(stdout.trim());
    }
    return said.join(", pulumi ");
  }

  private async activate(seen: Observation, sha256: string): Promise<string | Skipped> {
    const { current } = this.paths;
    const { owner } = this.inputs;
    const before = seen.current !== sha256 ? seen.current : (seen.marker?.previous ?? "");
    const marker = { owner, release: sha256, ...(before ? { previous: before } : {}) };
    const next = shellQuote(`${current}.next`);
    const there = seen.current === sha256;
    if (!there)
      await this.connection.must(
        `ln -sfn ${shellQuote(`releases/${sha256}`)} ${next}\nmv -fT ${next} ${shellQuote(current)}`,
      );
    if (there && JSON.stringify(marker) === JSON.stringify(seen.marker)) return { skipped: "it is in use" };
    await this.mark(marker);
    return `${current} leads to it`;
  }

  private async link({ link }: Observation): Promise<string | Skipped> {
    const { prefix, systemLink: wanted, vm } = this.inputs;
    const [path, next] = [systemLink, `${systemLink}.holdfast-new`].map(shellQuote);
    const ours = link === linkTarget(prefix);
    if (ours === wanted) return { skipped: wanted ? "it is there" : "it is not wanted" };
    if (!wanted) {
      await this.connection.must(`rm -f ${path}`);
      return "removed";
    }
    const { code } = await this.connection.run(`[ -L ${path} ] || [ ! -e ${path} ]`);
    if (code !== 0)
      throw new Error(
        `${systemLink} on ${vm} is a file that holdfast did not make; move it away, or set runner_system_link to false`,
      );
    await this.connection.must(`ln -sfn ${shellQuote(linkTarget(prefix))} ${next}\nmv -fT ${next} ${path}`);
    return "made";
  }

  private async sshd(seen: Observation): Promise<string | Skipped> {
    const { owner, gatewayPorts } = this.inputs;
    const text = dropInText(owner);
    if (!gatewayPorts) {
      if (!isOurDropIn(owner, seen)) return { skipped: "no drop-in is wanted" };
      return this.tellSshd("removed", "remove");
    }
    if (seen.dropIn === digestOf(text)) return { skipped: "it is as it should be" };
    return this.tellSshd("written", "write", text);
  }

  /** Changes sshd's configuration and has it read again, unless sshd finds it wrong: then it is taken away. */
  private async tellSshd(done: string, ...change: ["remove"] | ["write", string]): Promise<string> {
    const script = scripts.sshdDropIn.call(dropInPath, ...change);
    const said = await this.connection.must(script);
    if (!said.includes("unread")) return `${done}, and read by sshd`;
    this.log(
      "warning",
      `sshd on ${this.inputs.vm} does not say where it runs: it reads ${dropInPath} when it is started`,
    );
    return done;
  }

  /** The stage, and every release but that in use and the one before it. */
  private async sweep(sha256: string, seen: Observation): Promise<string | Skipped> {
    const kept = [sha256, seen.current, seen.current === sha256 ? (seen.marker?.previous ?? "") : ""];
    const { releases, stage } = this.paths;
    const except = kept.filter(Boolean).map((name) => `! -name ${shellQuote(name)}`);
    const list = `find ${shellQuote(releases)} -mindepth 1 -maxdepth 1 ${except.join(" ")} -print
find ${shellQuote(stage)} -mindepth 1 -maxdepth 1 -print`;
    const old = (await this.connection.must(list)).split("\n").filter(Boolean);
    if (old.length === 0) return { skipped: "there is nothing" };
    await this.connection.must(`rm -rf ${old.map(shellQuote).join(" ")}`, { timeoutSeconds: bulkSeconds });
    return `removed ${old.length}`;
  }
}

/** What a user's runs leave in its own directories, beside their evidence: caches, host keys that were met. */
const userLeftovers = `rm -rf "\${XDG_CACHE_HOME:-$HOME/.cache}/holdfast" "$HOME/.config/holdfast" "/tmp/tsx-$(id -u)"`;
