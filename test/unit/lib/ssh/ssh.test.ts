/**
 * SSH against a real server (ssh2's, on loopback): whom it trusts, how long it tries, what it says, and that commands,
 * standard input, exit codes and bounds come through.
 *
 * Not proven here: OpenSSH's own server and sudo (the lab ring uses both).
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import ssh2 from "ssh2";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../../../lab/wait.ts";
import { shellQuote } from "../../../../lib/shell.ts";
import { connect, impatient, SshConnection, withSsh } from "../../../../lib/ssh/connection.ts";
import { dial, HostKeyMismatch, type SshTarget } from "../../../../lib/ssh/dial.ts";
import { knownHostKey } from "../../../../lib/ssh/first-contact.ts";
import { generateKeyPair } from "../../../../lib/ssh/key-pair.ts";
import {
  fingerprint,
  forgetKeys,
  type HostKey,
  knownHostsFile,
  pinKey,
  recordedKeys,
  recordKey,
} from "../../../../lib/ssh/known-hosts.ts";
import { operatorPublicKey } from "../../../../lib/ssh/operator-key.ts";
import { keyPair, operatorHome, type StandIn, sshHost } from "../../../fixtures/ssh-host.fixture.ts";

const stack = "runners/crunchy";
const patient = { attempts: 50, pauseMs: 20, attemptMs: 5_000 };

function target(server: Pick<StandIn, "host" | "port">, changes: Partial<SshTarget> = {}): SshTarget {
  return { host: server.host, port: server.port, user: "root", stack, ...changes };
}

/** Connects, runs one command, closes. */
function runs(to: SshTarget, command = "true", options = {}) {
  return withSsh(to, impatient, (connection) => connection.run(command, options));
}

test("the first use records the key; the second checks it, and records nothing more", async () => {
  operatorHome();
  const hostKey = keyPair();
  const server = await sshHost({ hostKey });
  await runs(target(server));
  await runs(target(server));
  const file = knownHostsFile(stack);
  expect(readFileSync(file, "utf8")).toBe(`[127.0.0.1]:${server.port} ${hostKey.public}\n`);
});

test("the record is private, and ssh-keygen finds the host in it", async () => {
  const { home } = operatorHome();
  const hostKey = keyPair();
  const server = await sshHost({ hostKey });
  await runs(target(server));
  const file = knownHostsFile(stack);
  expect(file.startsWith(home)).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
  const found = execFileSync("ssh-keygen", ["-F", `[127.0.0.1]:${server.port}`, "-f", file], { encoding: "utf8" });
  expect(found).toContain(hostKey.public);
});

test("a changed key is refused at once, with both keys, the file, and the next step", async () => {
  operatorHome();
  const [before, after] = [keyPair(), keyPair()];
  const first = await sshHost({ hostKey: before });
  await runs(target(first));
  await first.stop();
  const second = await sshHost({ hostKey: after, port: first.port });
  const refusal = await connect(target(second), patient).catch((error: Error) => error);
  expect(refusal).toBeInstanceOf(HostKeyMismatch);
  expect((refusal as Error).message).toContain(`expected ${before.public}`);
  expect((refusal as Error).message).toContain(`answered with ${after.public}`);
  expect((refusal as Error).message).toContain(`the old one is in ${knownHostsFile(stack)}`);
  expect((refusal as Error).message).toContain("npx holdfast trust runners/crunchy");
  expect(second.dials(), "not tried again").toBe(1);
  expect(recordedKeys(knownHostsFile(stack), first.host, first.port)).toEqual([before.public]);
});

test("a host's key is known by its pin, else by the record, else by a first contact; a silent stranger has none", async () => {
  operatorHome();
  const server = await sshHost({ hostKey: keyPair() });
  const key = await knownHostKey(target(server));
  expect(recordedKeys(knownHostsFile(stack), server.host, server.port)).toEqual([key]);
  expect(await knownHostKey(target(server))).toBe(key);
  expect(server.dials(), "the record is enough").toBe(1);
  expect(await knownHostKey(target(server, { hostKey: `${keyPair().public} comment` }))).not.toBe(key);
  operatorHome();
  const state = [{ host: server.host, port: server.port, hostKey: keyPair().public }];
  const dials = server.dials();
  expect(await knownHostKey(target(server), state), "the state's key, not that of whoever answers").toBe(
    state[0]?.hostKey,
  );
  expect(server.dials()).toBe(dials);
  await expect(runs(target(server))).rejects.toThrow(HostKeyMismatch);
  await server.stop();
  operatorHome();
  expect(await knownHostKey(target(server))).toBeUndefined();
});

test("a refusal says whose key it is that another machine shows, where some stack knows that one", async () => {
  operatorHome();
  const victim = await sshHost();
  await runs(target(victim, { stack: "runners/brix02" }));
  const relay = await sshHost({ hostKey: keyPair() });
  await runs(target(relay));
  const [key] = recordedKeys(knownHostsFile("runners/brix02"), victim.host, victim.port);
  pinKey(knownHostsFile(stack), victim.host, victim.port, keyPair().public as HostKey);
  pinKey(knownHostsFile("runners/brix02"), "192.0.2.77", 22, key as HostKey);
  await expect(runs(target(victim))).rejects.toThrow("which is the key of 192.0.2.77 as runners/brix02 knows it");
});

test("a host that only has another kind of key than the recorded one is a changed host, too", async () => {
  operatorHome();
  const expected = keyPair();
  const server = await sshHost({ hostKey: keyPair("rsa") });
  const refusal = await connect(target(server, { hostKey: expected.public }), patient).catch((error: Error) => error);
  expect(refusal).toBeInstanceOf(HostKeyMismatch);
  expect((refusal as Error).message).toContain(`expected ${expected.public}`);
  expect(server.dials(), "not tried again").toBe(1);
});

test("a pinned key is checked on the first contact already", async () => {
  operatorHome();
  const server = await sshHost();
  const pinned = keyPair();
  await expect(runs(target(server, { hostKey: `${pinned.public} root@host` }))).rejects.toThrow(
    /the old one is in .*, and pinned/,
  );
});

test("a command that is followed over a jump host ends when the machine behind it is gone", async () => {
  operatorHome();
  const inner = await sshHost({ answer: () => "silent" });
  const jump = await sshHost({ reaches: () => inner.port });
  const over = await (await connect(target(jump), impatient)).forward("192.0.2.77", 22);
  const machine = target({ host: "192.0.2.77", port: 22 });
  const connection = new SshConnection(await dial(machine, 5, { over }), machine);
  const followed = connection.stream("tail -f log", () => {});
  await until({ what: "the command", boundMs: 10_000, lookAt: "" }, () => inner.received.length > 0);
  jump.loseForwards();
  await expect(followed).rejects.toThrow(/192\.0\.2\.77 was lost during: tail -f log/);
});

test("a pinned key wins over what was recorded before", async () => {
  operatorHome();
  const [before, after] = [keyPair(), keyPair()];
  const first = await sshHost({ hostKey: before });
  await runs(target(first));
  await first.stop();
  const second = await sshHost({ hostKey: after, port: first.port });
  expect(await runs(target(second, { hostKey: after.public }))).toMatchObject({ code: 0 });
  expect(recordedKeys(knownHostsFile(stack), first.host, first.port)).toEqual([after.public]);
});

test("what one stack trusts vouches for no other stack", async () => {
  operatorHome();
  const [before, after] = [keyPair(), keyPair()];
  const first = await sshHost({ hostKey: before });
  await runs(target(first));
  await first.stop();
  const second = await sshHost({ hostKey: after, port: first.port });
  expect(await runs(target(second, { stack: "runners/brix02" }))).toMatchObject({ code: 0 });
});

test("other hosts and comments in the file stay as they are when a key is pinned", async () => {
  operatorHome();
  const file = knownHostsFile(stack);
  mkdirSync(dirname(file), { recursive: true });
  const other = `192.0.2.9 ${keyPair().public}`;
  writeFileSync(file, `${other}\n`);
  const hostKey = keyPair();
  const server = await sshHost({ hostKey });
  await runs(target(server, { hostKey: hostKey.public }));
  expect(readFileSync(file, "utf8")).toBe(`${other}\n[127.0.0.1]:${server.port} ${hostKey.public}\n`);
});

test("a refused login says whose key is missing where", async () => {
  operatorHome();
  const server = await sshHost({ allowed: keyPair().public });
  await expect(runs(target(server))).rejects.toThrow(
    `cannot reach root@127.0.0.1:${server.port} over SSH: the login was refused; is the public half of RUNNER_SSH_KEY_PATH in authorized_keys there?`,
  );
});

test("a host that is still booting is tried until it answers, and each wait is told", async () => {
  const { key } = operatorHome();
  const gone = await sshHost();
  await gone.stop();
  const waits: string[] = [];
  let booted: Promise<StandIn> | undefined;
  const onWait = (text: string) => {
    waits.push(text);
    if (waits.length === 3) booted = sshHost({ port: gone.port, allowed: key.public });
  };
  const connection = await connect(target(gone), { ...patient, onWait });
  expect(await connection.run("true")).toMatchObject({ code: 0 });
  connection.close();
  expect((await booted)?.dials()).toBe(1);
  expect(waits[0]).toMatch(/waiting for SSH on root@127.0.0.1:\d+, try 1 of 50: .*ECONNREFUSED/);
});

test("a port that opens in a pause is dialled then, not when the pause is over", async () => {
  const { key } = operatorHome();
  const gone = await sshHost();
  await gone.stop();
  const waits: string[] = [];
  const onWait = (text: string) => {
    waits.push(text);
    void sshHost({ port: gone.port, allowed: key.public });
  };
  // Longer than the test may take.
  const connection = await connect(target(gone), { ...patient, pauseMs: 300_000, onWait });
  connection.close();
  expect(waits).toHaveLength(1);
});

test("patience ends after the given number of dials", async () => {
  operatorHome();
  const gone = await sshHost();
  await gone.stop();
  const waits: string[] = [];
  const patience = {
    attempts: 3,
    pauseMs: 0,
    attemptMs: 5_000,
    onWait: (text: string) => waits.push(text),
  };
  await expect(connect(target(gone), patience)).rejects.toThrow(/over SSH after 3 tries: .*ECONNREFUSED/);
  expect(waits).toHaveLength(2);
});

test("a user's cancellation ends the waiting", async () => {
  operatorHome();
  const gone = await sshHost();
  await gone.stop();
  const cancelled = new AbortController();
  const patience = { attempts: 100, pauseMs: 60_000, attemptMs: 5_000, signal: cancelled.signal };
  await expect(connect(target(gone), { ...patience, onWait: () => cancelled.abort() })).rejects.toThrow("aborted");
});

test("a host that accepts the connection and says nothing is given up within the bound", async () => {
  operatorHome();
  const mute = createServer();
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void mute.close());
  const { port } = mute.address() as AddressInfo;
  const patience = { ...impatient, attemptMs: 100 };
  await expect(connect(target({ host: "127.0.0.1", port }), patience)).rejects.toThrow(
    /no answer within 0.1 s|handshake/i,
  );
});

test("standard input arrives whole, and output and exit code come back", async () => {
  operatorHome();
  const server = await sshHost({ answer: () => ({ code: 7, stdout: "out ü", stderr: "err" }) });
  const stdin = "a secret\n".repeat(20_000);
  expect(await runs(target(server), "consume", { stdin })).toEqual({ code: 7, stdout: "out ü", stderr: "err" });
  expect(server.received).toEqual([{ user: "root", command: "consume", stdin }]);
});

test("a command that fails is an error with the host, its first line, its code and its own last words", async () => {
  operatorHome();
  const server = await sshHost({ answer: () => ({ code: 3, stderr: "one\ntwo\nthree\nfour\nfive\nsix\n" }) });
  const refusal = withSsh(target(server), impatient, (connection) => connection.must("first line\nsecond line"));
  await expect(refusal).rejects.toThrow("on 127.0.0.1: `first line` failed with 3: two\nthree\nfour\nfive\nsix");
});

test("a command that takes too long is given up, and said which", async () => {
  operatorHome();
  const server = await sshHost({ answer: () => "silent" });
  await expect(runs(target(server), "sleep 99", { timeoutSeconds: 0.1 })).rejects.toThrow(
    "command on 127.0.0.1 took longer than 0.1 s: sleep 99",
  );
});

test("a connection that is lost during a command is an error, not a success", async () => {
  operatorHome();
  const server = await sshHost({ answer: () => "lost" });
  await expect(runs(target(server), "systemctl restart sshd")).rejects.toThrow(
    "connection to 127.0.0.1 was lost during: systemctl restart sshd",
  );
});

test("a command on a closed connection fails at once and leaves no timer behind", async () => {
  operatorHome();
  const connection = await connect(target(await sshHost()), impatient);
  connection.close();
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
  const before = timers();
  await expect(connection.run("true")).rejects.toThrow();
  expect(timers()).toBeLessThanOrEqual(before);
});

test("anyone but root runs commands through sudo, quoted as one word", async () => {
  operatorHome();
  const server = await sshHost();
  await runs(target(server, { user: "ops" }), "echo 'it''s' && id");
  const command = server.received[0]?.command ?? "";
  expect(server.received[0]).toMatchObject({ user: "ops" });
  expect(command.startsWith("sudo -n sh -c ")).toBe(true);
  const word = execFileSync("/bin/sh", ["-c", `printf %s ${command.slice("sudo -n sh -c ".length)}`], {
    encoding: "utf8",
  });
  expect(word).toBe("echo 'it''s' && id");
});

test("files are written aside in one round trip, closed to others, and moved when all are there; no content is in a command", async () => {
  operatorHome();
  const server = await sshHost();
  const directory = mkdtempSync(join(tmpdir(), "holdfast-files-"));
  const { uid, gid } = userInfo();
  const owner = `${uid}:${gid}`;
  const files = [
    { path: join(directory, "etc/x.conf"), content: "secret-content", mode: "0640", owner },
    { path: join(directory, "etc/empty"), content: "", owner },
    { path: join(directory, "it's"), content: Buffer.from([0, 255, 10]), owner },
  ];
  await withSsh(target(server), impatient, (connection) => connection.writeFiles(files));
  const [{ command, stdin } = { command: "", stdin: "" }, ...more] = server.received;
  expect(more).toEqual([]);
  expect(stdin).toContain("secret-content");
  expect(command).not.toContain("secret-content");
  // What the server was told, done by a real shell.
  execFileSync("/bin/sh", ["-c", command], { input: Buffer.concat(files.map(({ content }) => Buffer.from(content))) });
  expect(files.map(({ path }) => readFileSync(path))).toEqual(files.map(({ content }) => Buffer.from(content)));
  expect(files.map(({ path }) => (statSync(path).mode & 0o777).toString(8))).toEqual(["640", "600", "600"]);
  expect(
    readdirSync(directory)
      .concat(readdirSync(join(directory, "etc")))
      .sort(),
  ).toEqual(["empty", "etc", "it's", "x.conf"].sort());
  expect(command.lastIndexOf("head -c")).toBeLessThan(command.indexOf("mv -f"));
});

test("a quoted word is one word to a shell, whatever is in it", () => {
  for (const word of ["", "a b", "it's", "$(id)", "a\nb", "*", "'; reboot; '"]) {
    expect(execFileSync("/bin/sh", ["-c", `printf %s ${shellQuote(word)}`], { encoding: "utf8" })).toBe(word);
  }
});

test("the operator's public key is that of the private key, without its comment", () => {
  const { key } = operatorHome();
  expect(operatorPublicKey()).toBe(key.public);
});

test.each(["no key at all", keyPair().public])("a file that is no private key is refused by name", (content) => {
  const { keyPath } = operatorHome();
  writeFileSync(keyPath, content);
  expect(() => operatorPublicKey()).toThrow(`RUNNER_SSH_KEY_PATH names ${keyPath}, which is no usable private key`);
});

test("every generated key pair reads back; of ssh2's own, one in about 150 does not", () => {
  // 1,000 pairs: without the check, the chance that all of them happen to be readable is about one in a thousand.
  for (let count = 0; count < 1_000; count++) {
    const { privateKey, publicKey } = generateKeyPair("vm");
    const parsed = ssh2.utils.parseKey(privateKey);
    if (parsed instanceof Error) throw parsed;
    expect(parsed.getPublicSSH().toString("base64")).toBe(publicKey.split(" ")[1]);
  }
});

test("a key that is forgotten is met for the first time again; those of other addresses stay", async () => {
  operatorHome();
  const file = knownHostsFile(stack);
  expect(() => forgetKeys(file, "192.0.2.1", 22)).not.toThrow();
  const { public: key } = keyPair();
  for (const [host, port] of [
    ["192.0.2.1", 22],
    ["192.0.2.1", 2222],
    ["192.0.2.10", 22],
  ] as const)
    recordKey(file, host, port, key as `${string} ${string}`);
  forgetKeys(file, "192.0.2.1", 22);
  expect(recordedKeys(file, "192.0.2.1", 22)).toEqual([]);
  expect([recordedKeys(file, "192.0.2.1", 2222), recordedKeys(file, "192.0.2.10", 22)]).toEqual([[key], [key]]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a fingerprint is OpenSSH's", () => {
  const { home, key } = operatorHome();
  const file = join(home, "key.pub");
  writeFileSync(file, `${key.public}\n`);
  expect(execFileSync("ssh-keygen", ["-lf", file], { encoding: "utf8" })).toContain(` ${fingerprint(key.public)} `);
  expect(fingerprint(undefined)).toBeUndefined();
});
