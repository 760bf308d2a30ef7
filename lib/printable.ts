/**
 * Text of somebody else's on its way to a terminal: a forge, a NetBox, a VM.
 */

/** Control characters but tab and line end, and those that turn the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** The text without what a terminal would obey: each such character is shown as `\ufffd`. */
export function printable(text: string): string {
  return text.replace(control, "\ufffd");
}
