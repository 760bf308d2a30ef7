/**
 * A token is taken out of whatever a forge or a proxy makes of it in a message, and the rest of the message stays.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { withheld } from "../../../../lib/http/withhold.ts";

const token = "0123456789abcdef0123456789abcdef01234567";
const code = (letter: string) => letter.charCodeAt(0);

test.each([
  ["in clear", token],
  ["in upper case", token.toUpperCase()],
  ["percent by percent", [...token].map((letter) => `%${code(letter).toString(16)}`).join("")],
  [
    "percent here and there",
    [...token].map((letter, at) => (at % 3 ? letter : `%${code(letter).toString(16)}`)).join(""),
  ],
  ["percent twice", [...token].map((letter) => `%25${code(letter).toString(16)}`).join("")],
  ["as JSON escapes", [...token].map((letter) => `\\u00${code(letter).toString(16)}`).join("")],
  ["as character references", [...token].map((letter) => `&#${code(letter)};`).join("")],
  ["in base64", Buffer.from(token).toString("base64")],
  ["cut off", token.slice(0, 13)],
  ["without its beginning", token.slice(9)],
])("%s", (_how, spelled) => {
  const output = withheld(`access token does not exist [sha: ${spelled}] here`, [token]);
  expect(output).toMatch(/^access token does not exist \[sha: (\[secret\])+=*\] here$/);
});

test("what has no secret in it stays as it is", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/[0-9a-f]{8}/i.test(text));
      expect(withheld(text, [token])).toBe(text);
    }),
  );
});

test("no eight characters in a row of any secret are left, wherever it stands", () => {
  const words = fc.stringMatching(/^[ -~]{0,20}$/);
  const secrets = fc.stringMatching(/^[\w.+/=-]{8,48}$/);
  fc.assert(
    fc.property(words, secrets, words, fc.nat(), (before, secret, after, cut) => {
      const output = withheld(`${before}${secret}${after}`.slice(0, before.length + 8 + (cut % secret.length)), [
        secret,
      ]);
      for (let at = 0; at + 8 <= secret.length; at++) expect(output).not.toContain(secret.slice(at, at + 8));
    }),
  );
});
