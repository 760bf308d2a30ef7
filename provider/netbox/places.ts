/**
 * What a VM's record needs around it: tags, a cluster with its type, a role. Found by name or slug, made where there is none,
 * and never changed: they may be anybody's.
 */
import { z } from "zod";
import type { NetboxApi } from "../../lib/netbox/api.ts";
import { NetboxError } from "../../lib/netbox/errors.ts";
import { managedTag, type Tag } from "../../lib/netbox/names.ts";
import { Changes } from "./change.ts";
import { Once } from "./once.ts";

const row = { id: z.number(), name: z.string(), last_updated: z.string() };
const named = z.object({ ...row, slug: z.string() });
const role = named.extend({ vm_role: z.boolean() });
const cluster = z.object({ ...row, tags: z.array(z.object({ slug: z.string() })) });

/** A cluster of NetBox. */
export type Cluster = z.infer<typeof cluster>;

/** Longest slug that NetBox takes. */
const longest = 100;
/** Of what is made here. */
const grey = "9e9e9e";
const mark = { tags: [{ slug: managedTag.slug }] };

/** A name as NetBox writes it in addresses: lower-case letters, digits, `_` and `-`. @throws Error where nothing is left. */
export function slugOf(name: string): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, longest)
    .replace(/-+$/, "");
  if (slug === "") throw new Error(`${JSON.stringify(name)} has no letter or digit that NetBox could make a slug of`);
  return slug;
}

/**
 * Slugs of tags with these names, which are there then.
 * @throws NetboxError
 */
export async function tagSlugs(api: NetboxApi, names: readonly string[], ours: readonly Tag[]): Promise<string[]> {
  const wanted: Tag[] = [
    ...ours,
    ...names.map((name) => ({ name, slug: slugOf(name), color: grey, description: "Of VMs that holdfast keeps" })),
  ];
  const path = "/extras/tags/";
  const tags = await Promise.all(
    wanted.map((tag) =>
      once(api, `tag ${tag.slug}`, () => new Changes(api).made(path, named, () => find(api, path, named, tag), tag)),
    ),
  );
  return [...new Set(tags.map(({ slug }) => slug))];
}

/** The cluster of this name; undefined where there is none yet. @throws Error where it is not clear which one is meant. */
export async function findCluster(api: NetboxApi, name: string): Promise<Cluster | undefined> {
  const rows = await api.list("/virtualization/clusters/", cluster, { name }, (row) => same(row.name, name));
  const [first, ...others] = rows.filter((row) => row.name === name).sort((a, b) => a.id - b.id);
  // Two updates may have made it at the same moment, since NetBox allows two of a name: the first one counts from then on.
  if (others.every(({ tags }) => tags.some(({ slug }) => slug === managedTag.slug))) return first;
  const ids = [first, ...others].map((one) => one?.id).join(", ");
  throw new Error(
    `NetBox at ${api.url} has ${others.length + 1} clusters named ${name} (ids ${ids}), and which one is meant is not known; rename all but one of them`,
  );
}

/** The cluster of this name, made where there is none, with a type that is made where there is none. */
export function ensureCluster(api: NetboxApi, { name, type }: { name: string; type: string }): Promise<Cluster> {
  return once(api, `cluster ${name}`, async () => {
    const found = await findCluster(api, name);
    if (found) return found;
    const types = "/virtualization/cluster-types/";
    const about = { name: type, slug: slugOf(type) };
    const ofType = await new Changes(api).made(types, named, () => find(api, types, named, about), {
      ...about,
      ...mark,
    });
    const changes = new Changes(api);
    const lookup = () => findCluster(api, name);
    const body = { name, type: ofType.id, status: "active", ...mark };
    const made = await changes.made("/virtualization/clusters/", cluster, lookup, body, false);
    // Another update may have made it at the same moment; everybody takes the first one then.
    const first = (await lookup()) ?? made;
    if (first.id !== made.id && changes.count > 0) {
      await changes
        .removed(`/virtualization/clusters/${made.id}/`, cluster, () => {})
        .catch((error) => {
          // Somebody has put a VM there by now: it stays, and whoever looks for a cluster of this name finds the first.
          if (!(error instanceof NetboxError && error.status === 409)) throw error;
        });
    }
    return first;
  });
}

/** The role of this name for VMs, made where there is none. @throws Error when it is one for devices alone. */
export function ensureRole(api: NetboxApi, name: string): Promise<z.infer<typeof role>> {
  const path = "/dcim/device-roles/";
  const about = { name, slug: slugOf(name) };
  return once(api, `role ${about.slug}`, async () => {
    const body = { ...about, color: "607d8b", vm_role: true, ...mark };
    const found = await new Changes(api).made(path, role, () => find(api, path, role, about), body);
    if (found.vm_role) return found;
    throw new Error(
      `device role ${found.name} (id ${found.id}) in NetBox at ${api.url} is for devices, not for VMs; turn on its "VM role" there, or give the VM another role`,
    );
  });
}

/** By slug, else by name: both are unique. */
async function find<T extends z.infer<typeof named>>(
  api: NetboxApi,
  path: string,
  shape: z.ZodType<T>,
  { name, slug }: { name: string; slug: string },
): Promise<T | undefined> {
  const [bySlug] = await api.list(path, shape, { slug }, (row) => same(row.slug, slug));
  if (bySlug) return bySlug;
  const byName = await api.list(path, shape, { name }, (row) => same(row.name, name));
  return byName.find((row) => row.name === name);
}

/** Many records of a pool ask for the same at the same moment. */
const ofAll = new Once<unknown>();

function once<T>(api: NetboxApi, what: string, work: () => Promise<T>): Promise<T> {
  return ofAll.share(`${api.url} ${what}`, work) as Promise<T>;
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
