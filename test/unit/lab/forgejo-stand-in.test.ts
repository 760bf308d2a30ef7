/**
 * The lab's stand-in for Forgejo's command line against what a real one was recorded to do: the same command lines succeed
 * and fail, in the same words, and leave the same rows. Not proven here: that Gitea takes the rows (the lab ring).
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type RecordedCommand, recordedCommands } from "../../fixtures/forgejo-recordings.fixture.ts";

const source = readFileSync(join(import.meta.dirname, "../../../lab/stand-ins/forgejo"), "utf8");

/** Where the stand-in is stricter than one version or other, and what depends on the recording's machine. */
const elsewhere = {
  "cli-24-register-secret-file-dev-stdin": "whether a user may open /dev/stdin is the machine's",
  "cli-37-register-config-after": "11 refuses what 15 and 16 take",
  "cli-42-register-short-alias-actions": "is another command line in each version",
};

const python = (script: string, args: string[], input = "", env: object = {}) =>
  spawnSync("/usr/bin/python3", ["-c", script, ...args], { input, encoding: "utf8", env: { ...process.env, ...env } });

describe("the stand-in for Forgejo's command line", () => {
  let directory: string;
  let database: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "holdfast-forgejo-"));
    database = join(directory, "forge.db");
    writeFileSync(join(directory, "app.ini"), `[database]\nPATH = ${database}\n[security]\nINSTALL_LOCK = true\n`);
    query(
      "CREATE TABLE user (id INTEGER, lower_name TEXT); INSERT INTO user VALUES (1, 'steward'), (2, 'alice'), (4, 'ecosystem');" +
        "CREATE TABLE repository (id INTEGER, owner_id INTEGER, lower_name TEXT); INSERT INTO repository VALUES (7, 4, 'app');" +
        "CREATE TABLE action_runner (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, name, version, owner_id, repo_id, description, base," +
        "repo_range, token_hash, token_salt, last_online, last_active, agent_labels, ephemeral, is_disabled, created, updated, deleted)",
    );
  });

  function query(sql: string): unknown[][] {
    const script =
      "import json,sqlite3,sys; db=sqlite3.connect(sys.argv[1]); *first,last=sys.argv[2].split(';');" +
      "[db.execute(one) for one in first]; rows=db.execute(last).fetchall(); db.commit(); print(json.dumps(rows))";
    const { stdout, stderr } = python(script, [database, sql]);
    if (stderr) throw new Error(stderr);
    return JSON.parse(stdout);
  }

  /** Runs the stand-in as the recording's user, with the recording's configuration where the test has its own. */
  function run({ args, stdin, user }: Pick<RecordedCommand, "args" | "stdin" | "user">, version = "16") {
    const words = args.slice(1).map((word) => word.replace("/etc/forgejo/", `${directory}/`));
    const script = `import os; os.geteuid = lambda: ${user === "root" ? 0 : 1000}\nexec(${JSON.stringify(source)})`;
    return python(script, words, stdin ?? "", { HOLDFAST_LAB_FORGEJO: version });
  }

  const lastLine = (text: string) => text.split("\n").at(-1) ?? "";
  const register = (secret: string, ...more: string[]) =>
    run({
      args: [
        "forgejo",
        "--config",
        "/etc/forgejo/app.ini",
        "forgejo-cli",
        "actions",
        "register",
        ...more,
        "--secret-stdin=true",
      ],
      stdin: secret,
      user: "git",
    });

  test("answers as the real one was recorded to", () => {
    const commands = Object.entries(recordedCommands("16.0.0-dev")).filter(([name]) => !(name in elsewhere));
    expect(commands.length).toBeGreaterThan(28);
    // Ids and clocks are each machine's own.
    const words = (text: string) => text.replace(/^\d{4}\S+ \S+ /, "").replace(/uid: [1-9]\d*/, "uid: N");
    for (const [name, recorded] of commands) {
      const { status, stdout, stderr } = run(recorded);
      const answer = recorded.rc === 0 ? lastLine(stdout) : words(stdout);
      expect({ name, rc: status, answer, stderr: words(stderr) }).toEqual({
        ...{ name, rc: recorded.rc, answer: words(recorded.stdout), stderr: words(recorded.stderr) },
      });
    }
  });

  test("leaves the labels of a comma's split, and a repository's row with the owner on 15 alone", () => {
    const secret = "1234567890abcdef0000000000000000deadbeef";
    const uuid = lastLine(register(secret, "--name", "row", "--scope", "ecosystem/app").stdout);
    const row = () => query(`SELECT owner_id, repo_id, agent_labels FROM action_runner WHERE uuid = '${uuid}'`);
    expect(row()).toEqual([[0, 7, '[""]']]);
    const args = ["forgejo", "-c", "/etc/forgejo/app.ini", "forgejo-cli", "actions", "register"];
    run({ args: [...args, "--scope", "ecosystem/app", "--secret", secret], stdin: null, user: "git" }, "15");
    expect(row()).toEqual([[4, 7, '[""]']]);
  });

  test("makes a new row where the secret's own was deleted, whose uuid becomes another", () => {
    const secret = "feedfacefeedface0000000000000000deadbeef";
    const uuid = lastLine(register(secret, "--name", "gone").stdout);
    query(`UPDATE action_runner SET deleted = 1 WHERE uuid = '${uuid}'; SELECT 1`);
    expect(lastLine(register(secret, "--name", "gone").stdout)).toBe(uuid);
    const rows = query("SELECT uuid, deleted FROM action_runner WHERE name = 'gone' ORDER BY id");
    expect(rows).toEqual([
      [expect.stringMatching(/^ffffffff-ffff-ffff-[0-9a-f]{4}-[0-9a-f]{12}$/), 1],
      [uuid, null],
    ]);
  });

  test("obeys nobody but the user that the configuration names", () => {
    const ini = join(directory, "other.ini");
    writeFileSync(ini, `RUN_USER = nobody-here\n${readFileSync(join(directory, "app.ini"), "utf8")}`);
    const args = ["forgejo", "--config", ini, "forgejo-cli", "actions", "register", "--secret-stdin=true"];
    const { status, stdout } = run({ args, stdin: "00".repeat(20), user: "git" });
    expect({ status, stdout }).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("Expect user 'nobody-here'"),
    });
  });
});
