/**
 * How the simulated Proxmox VE refuses: status, reason phrase and body as pveproxy writes them. Clients show the reason
 * phrase, not only the body, so it matters as much.
 */

/** A refusal. The first line of its message becomes the reason phrase. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 596 and 599 are Proxmox VE's own. */
    readonly status: number,
    /** Without the final newline that Proxmox VE puts behind it. */
    message: string,
    /** What is wrong with single parameters, by name. */
    readonly errors?: Record<string, string>,
  ) {
    super(message);
  }

  /** The first line, in the characters that an HTTP status line may hold. */
  get reason(): string {
    const [first = ""] = this.message.split("\n");
    return first.replace(/[^\x20-\x7e]/g, "?");
  }

  /** The body of the answer. */
  get body() {
    return { data: null, message: `${this.message}\n`, ...(this.errors ? { errors: this.errors } : {}) };
  }
}

/** 400 with what is wrong with each parameter. */
export function badParameters(errors: Record<string, string>): ApiError {
  return new ApiError(400, "Parameter verification failed.", errors);
}

/** 403 as a failed check of privileges reads, for example `Permission check failed (/vms/100, VM.Clone)`. */
export function forbidden(path: string, privileges: readonly string[]): ApiError {
  return new ApiError(403, `Permission check failed (${path}, ${privileges.join("|")})`);
}

/** 500: everything that Proxmox VE finds out only while it works. */
export function failed(message: string): ApiError {
  return new ApiError(500, message);
}
