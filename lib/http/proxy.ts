/**
 * Which proxy a call takes, as the environment says: `HTTPS_PROXY` for `https:`, `HTTP_PROXY` for `http:`, neither for those that
 * `NO_PROXY` names; each also in lower case, which is looked at second. So do Pulumi and its providers.
 */
import { hostOf } from "../network/address.ts";
import { HttpFailure } from "./failure.ts";
import { isDirect } from "./no-proxy.ts";

const variables = { "https:": ["HTTPS_PROXY", "https_proxy"], "http:": ["HTTP_PROXY", "http_proxy"] } as const;

/** A proxy. */
export interface HttpProxy {
  /** Name or address, without brackets. */
  host: string;
  port: number;
  /** Whether TLS is spoken with the proxy itself. */
  secure: boolean;
  /** What it wants to be told for its user; secret. */
  headers: Readonly<Record<string, string>>;
  /** For messages: its URL without user and password, and the variable that names it. */
  shown: string;
}

/**
 * The proxy for a URL; undefined where it is asked directly.
 * @throws HttpFailure of kind `environment` when the variable names no proxy that is spoken with here.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv = process.env): HttpProxy | undefined {
  const [variable, text] = firstOf(variables[url.protocol as keyof typeof variables] ?? [], env);
  if (text === "") return undefined;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const [, except] = firstOf(["NO_PROXY", "no_proxy"], env);
  if (isDirect({ host: hostOf(url.href), port }, except)) return undefined;
  return parsed(variable, text);
}

/** Passwords of all proxies that the environment names. */
export function proxySecrets(env: NodeJS.ProcessEnv = process.env): string[] {
  return Object.values(variables)
    .flat()
    .flatMap((name) => {
      const url = urlOf(env[name] ?? "");
      if (!url?.password) return [];
      return [url.password, decoded(url.password), basic(url)];
    });
}

function firstOf(names: readonly string[], env: NodeJS.ProcessEnv): [name: string, value: string] {
  const name = names.find((one) => env[one]) ?? "";
  return [name, env[name] ?? ""];
}

function parsed(variable: string, text: string): HttpProxy {
  const url = urlOf(text);
  // What it says is not repeated: it may have a password in it.
  const refuse = (why: string) =>
    new HttpFailure("environment", `${variable} ${why}`, {
      advice: `correct or unset ${variable}, or name this host in NO_PROXY`,
    });
  if (!url) throw refuse("names a proxy by what is no URL");
  const secure = url.protocol === "https:";
  if (!secure && url.protocol !== "http:") {
    throw refuse(`names a proxy with ${url.protocol}//, which is not spoken here, only http:// and https://`);
  }
  const headers: Record<string, string> =
    url.username || url.password ? { "proxy-authorization": `Basic ${basic(url)}` } : {};
  const shown = `the proxy ${url.protocol}//${url.host} (${variable})`;
  return { host: hostOf(url.href), port: Number(url.port || (secure ? 443 : 80)), secure, headers, shown };
}

/** A proxy may be named without a scheme, by host and port. */
function urlOf(text: string): URL | undefined {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  return text !== "" && URL.canParse(whole) ? new URL(whole) : undefined;
}

function basic({ username, password }: URL): string {
  return Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
