/**
 * How Forgejo's command line is run on the forge host. It obeys the forge's own user alone, and needs its configuration.
 */

/** Words that a shell takes as they stand; the first one is a program's name or its absolute path. */
export const commandWords = /^[\w/][\w@%+=:,./-]*( [\w@%+=:,./-]+)*$/;

/** What is configured of it. */
export interface ForgejoPlace {
  /** Who logs in. */
  user: string;
  /** The forge's own user; default `git`. */
  forgejoUser?: string | undefined;
  /** The forge's configuration; default `/etc/forgejo/app.ini`. */
  forgejoConfig?: string | undefined;
  /** The whole command, for example `docker exec -i -u git forgejo forgejo`. */
  command?: string | undefined;
}

/**
 * The command that `forgejo-cli …` follows, for whoever logs in. `-n`: sudo must never ask, and its standard input is the
 * runner's secret.
 */
export function forgejoCommand({ user, forgejoUser = "git", forgejoConfig, command }: ForgejoPlace): string {
  const own = command ?? `forgejo --config ${forgejoConfig ?? "/etc/forgejo/app.ini"}`;
  if (user === forgejoUser) return own;
  if (command === undefined) return `sudo -n -u ${forgejoUser} ${own}`;
  return user === "root" ? own : `sudo -n ${own}`;
}
