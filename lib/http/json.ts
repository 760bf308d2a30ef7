/**
 * JSON of somebody else's. What it becomes goes through a schema, and schemas, messages and comparisons descend into it: so it
 * is looked at first how deep it is.
 */

/** Levels of arrays and objects inside each other. No API that is asked here has ten. */
const mostLevels = 64;

/** A value, or why it is none. */
export type Parsed = { value: unknown } | { problem: string };

/** Reads JSON. Nothing at all reads as `undefined`. Never throws. */
export function parseJson(body: Buffer): Parsed {
  if (body.length === 0) return { value: undefined };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return { problem: "something that is no UTF-8" };
  }
  if (levelsOf(body) > mostLevels) return { problem: `JSON of more than ${mostLevels} levels` };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { problem: "something other than JSON" };
  }
}

const [quote, backslash, openArray, closeArray, openObject, closeObject] = Buffer.from('"\\[]{}');

/** How deep it goes. In UTF-8 none of the bytes looked for is part of another character. */
function levelsOf(body: Buffer): number {
  let level = 0;
  let deepest = 0;
  let inText = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (inText) {
      if (byte === backslash) at++;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (byte === openArray || byte === openObject) deepest = Math.max(deepest, ++level);
    else if (byte === closeArray || byte === closeObject) level--;
  }
  return deepest;
}
