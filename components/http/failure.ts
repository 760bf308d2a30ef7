/**
 * What an HTTP client says when no answer came, in words that fit every version of Node.js.
 */

/**
 * The reason alone. Newer versions of Node.js put advice of their own behind it (`--use-system-ca`), which nobody can follow
 * who does not start the process.
 */
export function reasonOf(error: Error): string {
  const { code = "" } = error as NodeJS.ErrnoException;
  return error.message.replace(/; if the root CA is installed locally.*$/s, "") || code;
}
