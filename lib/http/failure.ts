/**
 * Why no answer came, in words that fit every version of Node.js.
 */

/**
 * - `unsent`: the call itself is none that HTTP could carry. Nothing was sent.
 * - `environment`: what this process' environment says of certificates or proxies cannot be followed. Nothing was sent.
 * - `proxy`: the proxy on the way was not reached, or did not connect. The other side was not reached.
 * - `late`: the time ran out.
 * - `cut-off`: the answer did not come to its end, or there was none.
 * - `garbled`: an answer came that is none: too long, compressed, against the protocol.
 * - `unconnected`: DNS, TCP or TLS failed; `code` says how.
 */
export type HttpFailureKind = "unsent" | "environment" | "proxy" | "late" | "cut-off" | "garbled" | "unconnected";

/** What is known of a failure beside its reason. */
export interface HttpFailureOptions extends ErrorOptions {
  /** What to do next, where that does not depend on who was asked. */
  advice?: string;
}

/** A call that got no whole answer. Its message is the reason alone, for a sentence of the caller's. */
export class HttpFailure extends Error {
  /** What to do next; undefined where only the caller knows. */
  readonly advice: string | undefined;

  constructor(
    readonly kind: HttpFailureKind,
    message: string,
    options: HttpFailureOptions = {},
  ) {
    super(message, options);
    this.name = "HttpFailure";
    this.advice = options.advice;
  }

  /** What the system calls it, for example `ECONNREFUSED`; empty where it has no name for it, and for a proxy's. */
  get code(): string {
    return this.kind === "proxy" ? "" : (((this.cause ?? {}) as NodeJS.ErrnoException).code ?? "");
  }

  /** Whether the same call fails for as long as nobody changes this machine's environment or the call. Nothing was sent. */
  get isFinal(): boolean {
    return this.kind === "unsent" || this.kind === "environment";
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
