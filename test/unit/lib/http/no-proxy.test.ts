/**
 * `NO_PROXY` and the choice of a proxy, case by case as Go's own tests have them: what Pulumi's providers ask directly, holdfast
 * asks directly, and the other way round.
 */
import { describe, expect, test } from "vitest";
import type { HttpFailure } from "../../../../lib/http/failure.ts";
import { proxyFor, proxySecrets } from "../../../../lib/http/proxy.ts";
import { secretsOfEnvironment } from "../../../../lib/secret-environment.ts";

const list =
  "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64";

const hosts: [host: string, proxied: boolean][] = [
  ["localhost", false],
  ["127.0.0.1", false],
  ["127.0.0.2", false],
  ["[::1]", false],
  ["[::ffff:127.0.0.1]", false],
  ["[::2]", true],
  ["192.168.1.1", false],
  ["192.168.1.2", true],
  ["192.168.1.3", false],
  ["192.168.1.4", true],
  ["10.0.0.2", false],
  ["10.0.0.4", true],
  ["[2001:db8::52:0:1]", false],
  ["[2001:db8::52:0:2]", true],
  ["[2001:db8::52:0:3]", false],
  ["[2002:db8:a::123]", false],
  ["[fe80::424b:c8be:1643:a1b6]", true],
  ["barbaz.net", true],
  ["www.barbaz.net", false],
  ["foobar.com", false],
  ["FOOBAR.com", false],
  ["www.foobar.com", false],
  ["foofoobar.com", true],
  ["baz.com", true],
  ["localhost.net", true],
  ["local.localhost", true],
  ["barbarbaz.net", true],
  ["wildcard.io", true],
  ["nested.wildcard.io", false],
  ["awildcard.io", true],
];
test.each(hosts)("http://%s, with a proxy: %s", (host, proxied) => {
  const env = { HTTP_PROXY: "http://proxy.example.org:3128", NO_PROXY: list };
  expect(proxyFor(new URL(`http://${host}/`), env) !== undefined).toBe(proxied);
  expect(proxyFor(new URL(`http://${host}/`), { ...env, NO_PROXY: "*" })).toBeUndefined();
});

const named: [env: Record<string, string>, url: string, proxy: string | undefined][] = [
  [{}, "http://example.com", undefined],
  [{ HTTP_PROXY: "127.0.0.1:8080" }, "http://example.com", "http://127.0.0.1:8080 (HTTP_PROXY)"],
  [{ HTTP_PROXY: "cache.corp.example.com" }, "http://example.com", "http://cache.corp.example.com (HTTP_PROXY)"],
  [{ HTTP_PROXY: "proxy" }, "http://example.com", "http://proxy (HTTP_PROXY)"],
  [{ http_proxy: "proxy:3128" }, "http://example.com", "http://proxy:3128 (http_proxy)"],
  [{ HTTP_PROXY: "https://proxy" }, "http://example.com", "https://proxy (HTTP_PROXY)"],
  [{ HTTP_PROXY: "plain", HTTPS_PROXY: "secure" }, "http://example.com", "http://plain (HTTP_PROXY)"],
  [{ HTTP_PROXY: "plain", HTTPS_PROXY: "secure" }, "https://example.com", "http://secure (HTTPS_PROXY)"],
  [{ HTTP_PROXY: "plain" }, "https://example.com", undefined],
  [{ HTTPS_PROXY: "", https_proxy: "lower" }, "https://example.com", "http://lower (https_proxy)"],
  [{ HTTPS_PROXY: "upper", https_proxy: "lower" }, "https://example.com", "http://upper (HTTPS_PROXY)"],
  [{ HTTPS_PROXY: "p", no_proxy: "example.com" }, "https://example.com", undefined],
  [{ HTTPS_PROXY: "p", NO_PROXY: "example.com:443" }, "https://example.com", undefined],
  [{ HTTPS_PROXY: "p", NO_PROXY: "example.com:80" }, "https://example.com", "http://p (HTTPS_PROXY)"],
  [{ HTTP_PROXY: "p", NO_PROXY: "ample.com" }, "http://example.com", "http://p (HTTP_PROXY)"],
  [{ HTTP_PROXY: "p", NO_PROXY: ":1,/,10.0.0.0/99,," }, "http://example.com", "http://p (HTTP_PROXY)"],
  [{ HTTP_PROXY: "p", NO_PROXY: ".示例.com" }, "http://www.示例.com", undefined],
  [{ HTTP_PROXY: "p", NO_PROXY: "xn--fsq092h.com" }, "http://www.示例.com", undefined],
  [{ HTTP_PROXY: "p", NO_PROXY: "示例.com" }, "http://www.xn--fsq092h.com", undefined],
];
test.each(named)("%j: %s goes by %s", (env, url, proxy) => {
  expect(proxyFor(new URL(url), env)?.shown).toBe(proxy && `the proxy ${proxy}`);
});

describe("what names no proxy that is spoken with", () => {
  test.each([
    ["socks5://user:planted@proxy", /^HTTPS_PROXY names a proxy with socks5:\/\/, which is not spoken here/],
    ["http://user:planted@pro xy", /^HTTPS_PROXY names a proxy by what is no URL$/],
  ])("%s is refused, and not repeated", (text, message) => {
    let failure: HttpFailure | undefined;
    try {
      proxyFor(new URL("https://example.com"), { HTTPS_PROXY: text });
    } catch (error) {
      failure = error as HttpFailure;
    }
    expect(failure).toMatchObject({ kind: "environment", message: expect.stringMatching(message) });
    expect(failure?.advice).toContain("HTTPS_PROXY");
    expect(`${failure?.message}${failure?.advice}`).not.toContain("planted");
  });

  test("is no matter to whom it is not for", () => {
    const env = { HTTPS_PROXY: "socks5://proxy", NO_PROXY: "example.com" };
    expect(proxyFor(new URL("https://example.com"), env)).toBeUndefined();
  });
});

test("a proxy's password is told to it alone, and is among the secrets of the environment", () => {
  const env = { HTTPS_PROXY: "http://ops:p%40ss-word@proxy:3128" };
  const proxy = proxyFor(new URL("https://example.com"), env);
  const basic = Buffer.from("ops:p@ss-word").toString("base64");
  expect(proxy?.headers).toEqual({ "proxy-authorization": `Basic ${basic}` });
  expect(proxy?.shown).toBe("the proxy http://proxy:3128 (HTTPS_PROXY)");
  expect(proxySecrets(env)).toEqual(["p%40ss-word", "p@ss-word", basic]);
  expect(secretsOfEnvironment([], env)).toEqual(expect.arrayContaining(["p@ss-word"]));
});
