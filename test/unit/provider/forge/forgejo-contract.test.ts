/**
 * What we send to a Forgejo, and what we make of its answers, against what real ones of each version were recorded to take
 * and to say: every command line and every request has to be one that was recorded, and what was not is listed here.
 */
import { expect, test } from "vitest";
import { forgejoCommand } from "../../../../lib/forge/forgejo-command.ts";
import { registerCommand } from "../../../../provider/forge/forgejo-cli.ts";
import { explained, wordsOf } from "../../../../provider/forge/forgejo-words.ts";
import { takenApart } from "../../../fixtures/forgejo-host.fixture.ts";
import {
  type RecordedCommand,
  recordedCommands,
  recordedVersions,
} from "../../../fixtures/forgejo-recordings.fixture.ts";

const answer = ({ rc, stdout, stderr }: RecordedCommand) => ({ code: rc, stdout, stderr });

test.each(recordedVersions)(
  "Forgejo %s was seen to take our command line, word by word, in each kind of scope",
  (version) => {
    const recorded = Object.values(recordedCommands(version));
    for (const scope of ["", "ecosystem", "ecosystem/app", "alice"]) {
      const line = registerCommand(
        { host: "forge", command: forgejoCommand({ user: "root" }) },
        { name: "fenced", scope },
      );
      const { user, args } = takenApart(line, "root");
      const seen = recorded.filter((command) => command.args.join(" ") === args.join(" ") && command.user === user);
      const taken = seen.filter(({ rc }) => rc === 0);
      expect(taken.length, `${args.join(" ")} as ${user}`).toBeGreaterThan(0);
      // Forty characters, in lower case, and nothing behind them; the uuid is all that is said.
      for (const { stdin, stdout } of taken) {
        expect(stdin).toMatch(/^[0-9a-f]{40}$/);
        expect(stdout).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      }
    }
  },
);

/** What each recorded refusal is to people. What is not ours to send is refused with the same words as what is. */
const meanings: Record<string, RegExp> = {
  "cli-10": /no command line of Forgejo/,
  "cli-16": /as it was sent/,
  "cli-17": /as it was sent/,
  "cli-18": /as it was sent/,
  "cli-19": /standard input does not reach/,
  "cli-20": /as it was sent/,
  "cli-28": /no such organisation or user/,
  "cli-29": /no such repository/,
  "cli-30": /no such organisation or user/,
  "cli-34": /no command line of Forgejo/,
  "cli-36": /no command line of Forgejo/,
  "cli-37": /no command line of Forgejo/,
  "cli-38": /does not run as root/,
  "cli-39": /does not run as root/,
  "cli-40": /configuration is not there/,
  "cli-41": /configuration is not there/,
  "cli-42": /no command line of Forgejo/,
};

/** Refusals of what we never send: two other ways to hand over a secret, and none at all. */
const neverSent = ["cli-22", "cli-24"];

test.each(recordedVersions)("every refusal of Forgejo %s says what it means and what to set", (version) => {
  const refused = Object.entries(recordedCommands(version)).filter(([, { rc }]) => rc !== 0);
  expect(refused.length).toBeGreaterThan(14);
  for (const [name, command] of refused) {
    const number = name.slice(0, 6);
    if (neverSent.includes(number)) continue;
    const output = explained(wordsOf(answer(command)));
    expect(output?.means, name).toMatch(meanings[number] ?? /there is no meaning for it here/);
    expect(output?.fix).toMatch(/forge\.(ssh\.(command|forgejoUser|forgejoConfig)|scope)/);
  }
});
