/**
 * What a configuration shape looks like to an editor (JSON schema of a stack file) and to a reader (a table). Pure.
 */
import { type FieldInfo, fieldInfo } from "./fields.ts";
import type { ConfigShape } from "./strict.ts";

/** JSON schema of a stack file of this project. A secret is `{ secure: … }` there. */
export function stackFileSchema(project: string, shape: ConfigShape): Record<string, unknown> {
  const secure = {
    type: "object",
    properties: { secure: { type: "string" } },
    required: ["secure"],
    additionalProperties: false,
  };
  const properties = entries(shape).map(([key, info]) => [
    `${project}:${key}`,
    {
      description: `${info.description} Example: ${info.example}${info.defaultText === undefined ? "" : `. Default: ${shown(info)}`}`,
      ...(info.secret ? secure : info.json),
    },
  ]);
  const required = entries(shape)
    .filter(([key]) => isRequired(shape, key))
    .map(([key]) => `${project}:${key}`);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: `Stack file of holdfast's project ${project}`,
    type: "object",
    properties: {
      encryptionsalt: { type: "string" },
      secretsprovider: { type: "string" },
      encryptedkey: { type: "string" },
      config: {
        type: "object",
        properties: Object.fromEntries(properties),
        required,
        patternProperties: { [`^(?!${project}:)[^:]+:`]: {} },
        additionalProperties: false,
      },
    },
  };
}

/** Markdown table of the keys. */
export function keyTable(shape: ConfigShape): string {
  const rows = entries(shape).map(([key, info]) => {
    const fallback = isRequired(shape, key) ? "**required**" : info.secret ? "(secret) none" : shown(info);
    return `| \`${key}\` | ${escaped(info.description)} | ${fallback} | ${escaped(code(info.example))} |`;
  });
  return ["| key | what it is | default | example |", "|---|---|---|---|", ...rows].join("\n");
}

function entries(shape: ConfigShape): [string, FieldInfo][] {
  return Object.entries(shape).map(([key, schema]) => {
    const info = fieldInfo.get(schema);
    if (!info) throw new Error(`configuration key ${key} has no description`);
    return [key, info];
  });
}

function isRequired(shape: ConfigShape, key: string): boolean {
  return shape[key]?.safeParse(undefined).success === false;
}

function shown(info: FieldInfo): string {
  if (info.defaultText === undefined) return "none";
  if (info.defaultText === "") return "empty";
  return escaped(code(info.defaultText));
}

function code(text: string): string {
  return text.startsWith("(") ? text : `\`${text}\``;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}
