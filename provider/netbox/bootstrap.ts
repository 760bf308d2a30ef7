/**
 * Makes a NetBox ready to be the authority over addresses: our custom fields and tags, made where they are missing and checked
 * where they are there. What does not fit is said, all of it, and nothing of it is changed.
 */
import { z } from "zod";
import type { Netbox } from "../../lib/contracts/netbox.ts";
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { NetboxError } from "../../lib/netbox/errors.ts";
import { type CustomField, customFields, managedTag, staleTag, type Tag } from "../../lib/netbox/names.ts";

/** Oldest release that does what we ask of it: before, `add_tags` was ignored without a word. */
const oldest = [4, 7] as const;

const ourTags = [managedTag, staleTag];

const anyAnswer = z.unknown();
const status = z.object({ "netbox-version": z.string() });
const fieldRow = z.object({
  id: z.number(),
  name: z.string(),
  type: z.object({ value: z.string() }),
  object_types: z.array(z.string()),
  unique: z.boolean(),
});
const tagRow = z.object({ id: z.number(), slug: z.string() });

/** What a bootstrap found and did. */
export interface Bootstrapped {
  netbox: Netbox;
  /** What was made now, for people: `custom field holdfast_owner`. */
  made: string[];
}

/** What a NetBox lacks. */
export interface Inspected {
  version: string;
  fields: CustomField[];
  tags: Tag[];
}

/**
 * Looks, and changes nothing.
 * @throws Error that lists everything that is there and does not fit, NetboxError when NetBox refuses.
 */
export async function inspectNetbox(api: NetboxApi): Promise<Inspected> {
  const { "netbox-version": version } = await api.get("/status/", status);
  if (!isRecent(version)) {
    throw new Error(`NetBox at ${api.url} is ${version}; ${oldest.join(".")} or newer is needed: upgrade it first`);
  }
  const [names, slugs] = [customFields.map(({ name }) => name), ourTags.map(({ slug }) => slug)];
  const fields = await api.list("/extras/custom-fields/", fieldRow, { name: names }, ({ name }) =>
    names.includes(name),
  );
  const tags = await api.list("/extras/tags/", tagRow, { slug: slugs }, ({ slug }) => slugs.includes(slug));
  const wrong = customFields.flatMap((wanted) => unfit(wanted, fields));
  if (wrong.length > 0) {
    const list = wrong.map((line) => `  - ${line}`).join("\n");
    throw new Error(`NetBox at ${api.url} has custom fields that cannot serve, and nothing was changed:\n${list}`);
  }
  return {
    version,
    fields: customFields.filter(({ name }) => !fields.some((row) => row.name === name)),
    tags: ourTags.filter(({ slug }) => !tags.some((row) => row.slug === slug)),
  };
}

/**
 * Makes what is missing. The same call again makes nothing.
 * @throws as `inspectNetbox` does; nothing was made then.
 */
export async function bootstrapNetbox(api: NetboxApi): Promise<Bootstrapped> {
  const { version, fields, tags } = await inspectNetbox(api);
  const made: string[] = [];
  for (const field of fields) {
    if (await make(api, "/extras/custom-fields/", fieldBody(field))) made.push(`custom field ${field.name}`);
  }
  for (const tag of tags) {
    if (await make(api, "/extras/tags/", tagBody(tag))) made.push(`tag ${tag.slug}`);
  }
  const contract = { contract: "netbox@1", url: api.url, version, secretKey: "netbox.token" } as const;
  const there = { customFields: customFields.map(({ name }) => name), tags: ourTags.map(({ slug }) => slug) };
  return { netbox: { ...contract, ...there }, made };
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

function unfit(wanted: CustomField, fields: readonly z.infer<typeof fieldRow>[]): string[] {
  const there = fields.find(({ name }) => name === wanted.name);
  if (!there) return [];
  const where = `${wanted.name} (id ${there.id})`;
  const missing = wanted.objectTypes.filter((type) => !there.object_types.includes(type));
  return [
    ...(there.type.value === wanted.type ? [] : [`${where} is of type ${there.type.value}, not ${wanted.type}`]),
    ...(missing.length === 0 ? [] : [`${where} is not for ${missing.join(", ")}: add that under its object types`]),
    ...(wanted.unique && !there.unique ? [`${where} is not unique: two could hold one address`] : []),
  ];
}

/** Whether it was made by this call; somebody else may have been faster. */
async function make(api: NetboxApi, path: string, body: object): Promise<boolean> {
  try {
    await api.send("POST", path, anyAnswer, body);
    return true;
  } catch (error) {
    if (error instanceof NetboxError && error.duplicate) return false;
    throw error;
  }
}

function fieldBody({ name, label, description, type, objectTypes, unique }: CustomField): object {
  const shown = { group_name: "holdfast", ui_visible: "if-set", ui_editable: "no", filter_logic: "exact" };
  return { name, label, description, type, object_types: objectTypes, unique, ...shown };
}

function tagBody({ name, slug, color, description }: Tag): object {
  return { name, slug, color, description };
}
