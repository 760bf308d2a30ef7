/**
 * Takes secrets out of texts: every known value, in every form in which a message may repeat it.
 */

/** What stands where a secret stood. */
export const mark = "[secret]";
/** Shorter texts are in every sentence; no secret worth the name is shorter. */
export const shortest = 4;

/** The text without any of the secrets: as they are, line by line, and as URL, JSON and base64 spell them. */
export function redact(text: string, secrets: Iterable<string>): string {
  const forms = new Set([...secrets].flatMap(spellings).filter((form) => form.length >= shortest));
  // Longest first: a secret that is part of another must not leave the rest of that one behind.
  return [...forms].sort((a, b) => b.length - a.length).reduce((rest, form) => rest.replaceAll(form, mark), text);
}

function spellings(secret: string): string[] {
  return [secret, secret.trim(), ...secret.split("\n").map((line) => line.trim())].flatMap((form) => [
    form,
    encodeURIComponent(form),
    JSON.stringify(form).slice(1, -1),
    Buffer.from(form).toString("base64"),
  ]);
}
