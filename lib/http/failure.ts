/**
 * Why no answer came, in words that fit every version of Node.js.
 */

/**
 * - `unsent`: the call itself is none that HTTP could carry. Nothing was sent.
 * - `late`: the time ran out.
 * - `cut-off`: the answer did not come to its end, or there was none.
 * - `garbled`: an answer came that is none: too long, compressed, against the protocol.
 * - `unconnected`: DNS, TCP or TLS failed; `code` says how.
 */
export type HttpFailureKind = "unsent" | "late" | "cut-off" | "garbled" | "unconnected";

/** A call that got no whole answer. Its message is the reason alone, for a sentence of the caller's. */
export class HttpFailure extends Error {
  constructor(
    readonly kind: HttpFailureKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "HttpFailure";
  }

  /** What the system calls it, for example `ECONNREFUSED`; empty where it has no name for it. */
  get code(): string {
    return ((this.cause ?? {}) as NodeJS.ErrnoException).code ?? "";
  }

  /** What went wrong in Node.js' own client. */
  static from(cause: Error): HttpFailure {
    if (cause instanceof HttpFailure) return cause;
    const { code = "" } = cause as NodeJS.ErrnoException;
    // Its words quote what it stumbled over, which may be a secret.
    if (/^ERR_(INVALID|UNESCAPED|HTTP_INVALID)/.test(code)) {
      return new HttpFailure("unsent", "it holds what HTTP cannot carry");
    }
    if (code.startsWith("HPE_")) return new HttpFailure("garbled", `the answer is no HTTP (${code})`, { cause });
    if (/^(ECONNRESET|EPIPE)$/.test(code)) return new HttpFailure("cut-off", reasonOf(cause), { cause });
    return new HttpFailure("unconnected", reasonOf(cause), { cause });
  }
}

/**
 * Newer versions of Node.js put advice of their own behind a reason (`--use-system-ca`), which nobody can follow who does not
 * start the process.
 */
function reasonOf(error: Error): string {
  const { code = "" } = error as NodeJS.ErrnoException;
  return error.message.replace(/; if the root CA is installed locally.*$/s, "") || code || error.name;
}
