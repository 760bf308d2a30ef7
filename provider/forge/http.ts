/**
 * HTTP to the forge: bounded, one clear error a failure, no secret in any message.
 */
const timeoutMs = 10_000;

/** A forge as its callers address it. */
export interface ForgeAccess {
  /** Base URL, for example `https://forge.example.org`. */
  url: string;
  /** API token; secret. Not needed for the version and the runner protocol. */
  token?: string | undefined;
}

/** The forge answered, but not with what was asked for. */
export class ForgeError extends Error {
  constructor(
    message: string,
    readonly status: number | undefined,
  ) {
    super(message);
    this.name = "ForgeError";
  }
}

/** One request to the REST API below `/api/v1`. Returns the parsed body, or undefined for an empty one. */
export async function api<T>(forge: ForgeAccess, method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (forge.token) headers.authorization = `token ${forge.token}`;
  return withholding(forge.token, request<T>(`${forge.url}/api/v1${path}`, method, headers, body));
}

/** One call of the runner protocol (Connect, JSON encoding). */
export async function runnerCall<T>(
  forge: ForgeAccess,
  call: string,
  body: { token?: string; [name: string]: unknown },
): Promise<T> {
  const headers = { "connect-protocol-version": "1", accept: "application/json" };
  const url = `${forge.url}/api/actions/runner.v1.RunnerService/${call}`;
  return withholding(body.token, request<T>(url, "POST", headers, body));
}

/** Keeps the secret out of the error, whoever repeated it: the forge in its answer, or the HTTP client. */
async function withholding<T>(secret: string | undefined, answer: Promise<T>): Promise<T> {
  return answer.catch((error: Error) => {
    if (secret) error.message = error.message.replaceAll(secret, "[secret]");
    throw error;
  });
}

async function request<T>(url: string, method: string, headers: Record<string, string>, body: unknown): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: Error) => {
    throw new ForgeError(`cannot reach the forge: ${method} ${url}: ${reasonOf(error)}; check forge.url`, undefined);
  });
  const text = await response.text();
  if (!response.ok) throw new ForgeError(`${method} ${url}: ${explain(response.status, text)}`, response.status);
  if (text === "") return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ForgeError(
      `${method} ${url} answered with something other than JSON; is forge.url the forge's base URL?`,
      response.status,
    );
  }
}

function reasonOf(error: Error): string {
  const cause = error.cause as { code?: string; message?: string } | undefined;
  if (error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  return cause?.code ?? cause?.message ?? error.message;
}

function explain(status: number, text: string): string {
  const said = /"message"\s*:\s*"([^"]{0,200})"/.exec(text)?.[1] ?? "";
  const next: Record<number, string> = {
    401: "the forge does not accept forge.token; set a valid one: pulumi config set --secret forge.token",
    403: "forge.token may not do this; it needs write access of the runner's scope, and a site administrator's token for the whole instance",
    404: "nothing there; check forge.url and forge.scope",
    405: "the forge does not know this method here; it may be another version than the one it reports",
  };
  const step = next[status] ?? (status >= 500 ? "the forge itself failed; look at its log, then try again" : undefined);
  return `${status}${said ? ` (${said})` : ""}${step ? `: ${step}` : ""}`;
}
