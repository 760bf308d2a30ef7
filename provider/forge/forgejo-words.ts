/**
 * What Forgejo's command line, or what stands between it and us, says when it does not do what it is asked to: what that
 * means, and what to set. The words are those of Forgejo 11, 15 and 16, of sudo, of docker and of shells.
 */

/** What a command answered. */
export interface CommandAnswer {
  code: number;
  stdout: string;
  stderr: string;
}

/** A failure as people read it. */
export interface Explained {
  /** What is wrong, in our words. */
  means: string;
  /** What to do next. */
  fix: string;
}

const sudoer =
  "log in as the forge's own user (forge.ssh.user), as root, or as somebody whom sudoers lets become it without a password";

const known: readonly (readonly [RegExp, string, string])[] = [
  [
    /not supposed to be run as root/,
    "Forgejo does not run as root",
    "remove forge.ssh.command, so that it is run as forge.ssh.forgejoUser, or make it run as the forge's user (docker exec -i -u git …)",
  ],
  [
    /Expect user '?\(?[\w.-]+/,
    "Forgejo runs as another user than this",
    "set forge.ssh.forgejoUser to the user that Forgejo expects",
  ],
  [
    /unknown user:? |user \S+ does not exist$|unable to find user/m,
    "there is no such user on the forge host",
    "set forge.ssh.forgejoUser to the user that Forgejo runs as there, or forge.ssh.command where it runs in a container",
  ],
  [
    /Unable to load config file|Unable to init config provider/,
    "Forgejo's configuration is not there, or cannot be read",
    "set forge.ssh.forgejoConfig to the app.ini of the forge, or put `--config <file>` into forge.ssh.command",
  ],
  [
    /a (terminal|password) is required|is not in the sudoers|is not allowed to (execute|run)|may not run sudo/,
    "sudo does not let this login become the forge's user",
    sudoer,
  ],
  [
    /sudo: (command )?not found/,
    "there is no sudo there",
    "install sudo, or log in as the forge's own user: pulumi config set forge.ssh.user git",
  ],
  [
    /No such container/,
    "there is no such container",
    "name the forge's container in forge.ssh.command: docker ps shows it",
  ],
  [
    /permission denied while trying to connect to the Docker daemon|docker\.sock.*permission denied/,
    "this login may not use docker",
    "log in as root (forge.ssh.user), or as a member of docker's group",
  ],
  [
    /command not found|: not found|executable file not found|No such file or directory/,
    "there is no such program there",
    "set forge.ssh.command to how Forgejo's command line is run there (in a container: docker exec -i -u git forgejo forgejo)",
  ],
  [/user does not exist \[/, "the forge has no such organisation or user", "check forge.scope"],
  [/repository does not exist \[/, "the forge has no such repository", "check forge.scope"],
  [
    /must be exactly 40 characters long, not 0\b/,
    "standard input does not reach Forgejo",
    "make forge.ssh.command pass it on (docker exec needs -i)",
  ],
  [
    /must be exactly 40 characters long|must be an hexadecimal string/,
    "what comes by standard input does not reach Forgejo as it was sent",
    "make forge.ssh.command pass it on unchanged",
  ],
  [
    /Incorrect Usage|flag needs an argument|flag provided but not defined|No help topic/,
    "this is no command line of Forgejo that holdfast knows",
    "is it Forgejo 7 or later, and does forge.ssh.command name nothing else? Else use a token: pulumi config set --secret forge.token",
  ],
  [
    /unable to initialize the database|database is locked|dial tcp|no such table/,
    "Forgejo's database does not answer",
    "look at the forge's log, then try again",
  ],
];

/** What a failed command's words mean, and undefined for words that are not known. */
export function explained(words: string): Explained | undefined {
  const found = known.find(([pattern]) => pattern.test(words));
  return found && { means: found[1], fix: found[2] };
}

/** The line of an answer that says most: the last one of what was refused, without the help that may follow it. */
export function wordsOf({ stdout, stderr }: CommandAnswer): string {
  const lines = `${stdout}\n${stderr}`.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => known.some(([pattern]) => pattern.test(line)));
  return (telling.at(-1) ?? lines.filter(Boolean).at(-1) ?? "nothing was said").slice(0, 300);
}
