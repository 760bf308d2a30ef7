/**
 * A forge host whose command line answers as recorded (test/recorded/forgejo): it looks at the user, the configuration, the
 * flags, the secret and the scope in Forgejo's own order, and says Forgejo's own words.
 */
import { type RecordedVersion, recordedCommands } from "./forgejo-recordings.fixture.ts";
import { type Answer, sshHost } from "./ssh-host.fixture.ts";

/** What a host was asked, taken apart. */
export interface Asked {
  /** As whom Forgejo ran. */
  user: string;
  /** The program and its arguments, without sudo or docker in front. */
  args: string[];
}

/** A command line as a shell and sudo or docker take it apart. */
export function takenApart(command: string, login: string): Asked & { container: boolean } {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  let user = login;
  if (words[0] === "sudo") {
    const named = words[2] === "-u";
    user = named ? (words[3] ?? "") : "root";
    words.splice(0, named ? 4 : 2);
  }
  const container = words[0] === "docker";
  if (container) {
    user = words[words.indexOf("-u") + 1] ?? "root";
    words.splice(0, words.indexOf("forgejo") + 1);
  }
  return { user, args: words, container };
}

/** Answers of Forgejo's command line of a version, with the scopes of the recordings. */
export function forgejoAnswer(
  version: RecordedVersion = "15.0.3",
): (command: string, stdin: string, user: string) => Answer {
  const recorded = recordedCommands(version);
  const as = (name: string, change = (text: string) => text): Answer => {
    const found = Object.entries(recorded).find(([key]) => key.startsWith(`cli-${name}-`))?.[1];
    if (!found) throw new Error(`no recording ${name}`);
    return { code: found.rc, stdout: change(found.stdout), stderr: change(found.stderr) };
  };
  return (command, stdin, login) => {
    const { user, args, container } = takenApart(command, login);
    if (user === "root") return as("38");
    const config = args[args.indexOf("--config") + 1];
    if (!container && !args.includes("--config")) return as("40");
    if (args.includes("--config") && config !== "/etc/forgejo/app.ini") return as("41");
    if (args.at(-1) === "--secret-stdin") return as("10");
    if (!args.some((word) => /^--secret-stdin=./.test(word))) return as("22");
    if (stdin.length !== 40) return as("18", (text) => text.replace("not 39", `not ${stdin.length}`));
    if (!/^[0-9a-f]{40}$/i.test(stdin)) return as("20");
    const scope = args.includes("--scope") ? (args[args.indexOf("--scope") + 1] ?? "") : "";
    const [owner = "", repository] = scope.split("/");
    if (!["", "ecosystem", "alice"].includes(owner)) return as("28", (text) => text.replace("nope", owner));
    if (repository !== undefined && scope !== "ecosystem/app")
      return as("29", (text) => text.replace("nope", repository));
    return { stdout: uuidOf(stdin) };
  };
}

/** The uuid that Forgejo gives the runner of a secret: its first sixteen characters, as bytes. */
export function uuidOf(secret: string): string {
  const hex = Buffer.from(secret.slice(0, 16)).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** A forge host with that command line, until the test is over. */
export function forgejoHost(version?: RecordedVersion) {
  return sshHost({ answer: forgejoAnswer(version) });
}
