/**
 * Completion in real shells: each is started as an operator has it, is typed at, and runs what it made of that. A shell that is not
 * installed is skipped.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const command = join(import.meta.dirname, "../../../../cli/holdfast.js");
let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-shells-"));
  mkdirSync(join(directory, "runs"));
  writeFileSync(join(directory, "onprem.yml"), "");
  mkdirSync(join(directory, "backend/.pulumi/stacks/platform-vm"), { recursive: true });
  writeFileSync(join(directory, "backend/.pulumi/stacks/platform-vm/dev-apps.json"), "");
  // Completes as holdfast does, and notes what it is run with instead of doing it.
  const stub = `#!/bin/sh
case $1 in
__complete|completion) exec '${process.execPath}' '${command}' "$@" ;;
esac
{ printf '<%s>' "$@"; echo; } >>'${directory}/typed'
`;
  mkdirSync(join(directory, "bin"));
  writeFileSync(join(directory, "bin/holdfast"), stub);
  chmodSync(join(directory, "bin/holdfast"), 0o755);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What is typed up to each press of the Tab key, and what is run then. */
const lines: [string, string[], string][] = [
  ["words and an option", ["holdfast bluep", "dep", "--exe"], "<blueprint><deploy><--execute>"],
  [
    "a shipped blueprint",
    ["holdfast blueprint validate --ref netw"],
    "<blueprint><validate><--ref><networking/onprem-ops-runner@v1>",
  ],
  ["a stack of the backend", ["holdfast rebuild dev"], "<rebuild><dev-apps>"],
  ["a stack behind its project", ["holdfast secrets ensure platf"], "<secrets><ensure><platform-vm/dev-apps>"],
  ["a file", ["holdfast blueprint validate --file onp"], "<blueprint><validate><--file><onprem.yml>"],
  [
    "a command behind --",
    ["holdfast dispatch --runner x -- blueprint des"],
    "<dispatch><--runner><x><--><blueprint><destroy>",
  ],
];

const env = () => ({
  PATH: [join(directory, "bin"), process.env.PATH].join(delimiter),
  HOME: directory,
  TERM: "dumb",
  PULUMI_BACKEND_URL: `file://${directory}/backend?metadata=skip`,
});

/** Lets a shell work off its input, and gives what was run. */
async function typed(shell: string, args: string[], input: string): Promise<string[]> {
  rmSync(join(directory, "typed"), { force: true });
  const { all } = await execa(shell, args, {
    ...{ cwd: directory, env: env(), extendEnv: false, reject: false, input, timeout: 25_000, all: true },
    // A session of its own: an interactive shell takes the terminal of the tests otherwise.
    detached: true,
  });
  const file = join(directory, "typed");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [`nothing was run:\n${all}`];
}

function installed(shell: string): boolean {
  try {
    execFileSync(shell, ["-c", "exit 0"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const keys = (parts: readonly string[]) => parts.map((part) => `${part}\t`).join("");
const expected = lines.map(([, , run]) => run);

describe.skipIf(!installed("bash"))("bash", () => {
  test("completes every kind of word, and evaluates nothing that was typed", async () => {
    const input = [
      'eval "$(holdfast completion bash)"',
      // Control-U takes back what was typed before it could be run.
      "holdfast preflight $(touch evaluated) \t\x15",
      ...lines.map(([, parts]) => keys(parts)),
      "exit",
      "",
    ];
    expect(await typed("bash", ["--norc", "--noprofile", "-i"], input.join("\n").replace("\x15\n", "\x15"))).toEqual(
      expected,
    );
    expect(existsSync(join(directory, "evaluated"))).toBe(false);
  });

  test("completes a word that bash itself takes for several", async () => {
    const part = "holdfast blueprint validate --ref networking/onprem-ops-runner@";
    const input = `eval "$(holdfast completion bash)"\n${part}\t\nexit\n`;
    expect(await typed("bash", ["--norc", "--noprofile", "-i"], input)).toEqual([
      "<blueprint><validate><--ref><networking/onprem-ops-runner@v1>",
    ]);
  });
});

describe.skipIf(!installed("zsh"))("zsh", () => {
  test("completes every kind of word, and evaluates nothing that was typed", async () => {
    const type = (text: string, end = "") => {
      const escaped = text.replaceAll(/[\\']/g, "\\$&").replaceAll("\t", "\\t").replaceAll("\x15", "\\x15");
      return `zpty ${end} -w z $'${escaped}'`;
    };
    const script = [
      "zmodload zsh/zpty",
      "zpty z zsh -f -i",
      type("autoload -U compinit; compinit -u -D; source <(holdfast completion zsh)"),
      type("holdfast preflight $(touch evaluated) \t\x15", "-n"),
      ...lines.map(([, parts]) => type(keys(parts))),
      type("exit"),
      // Until it has ended.
      "while zpty -r z line; do print -r -- $line; done",
    ];
    expect(await typed("zsh", ["-f", "-s"], script.join("\n"))).toEqual(expected);
    expect(existsSync(join(directory, "evaluated"))).toBe(false);
  });
});

describe.skipIf(!installed("fish"))("fish", () => {
  test("completes every kind of word, and evaluates nothing that was typed", async () => {
    const whole = lines.flatMap(([, parts]) => (parts.length === 1 ? parts : []));
    const asked = ["holdfast bluep", "holdfast blueprint deploy --exe", ...whole];
    const complete = asked.map((line) => `complete -C ${JSON.stringify(line)}`);
    const script = [
      "holdfast completion fish | source",
      "complete -C 'holdfast preflight $(touch evaluated) '",
      ...complete,
    ].join("\n");
    const { stdout } = await execa("fish", ["--no-config", "-c", script], {
      cwd: directory,
      env: env(),
      extendEnv: false,
    });
    const offered = stdout.split("\n").map((line) => line.split("\t")[0]);
    for (const word of [
      "blueprint",
      "--execute",
      "networking/onprem-ops-runner@v1",
      "platform-vm/dev-apps",
      "onprem.yml",
      "destroy",
    ])
      expect(offered).toContain(word);
    expect(existsSync(join(directory, "evaluated"))).toBe(false);
  });
});
