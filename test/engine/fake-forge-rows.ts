/**
 * The rows of the fake forge: whose they are, in which order they are listed, and how each kind of forge shows them.
 */

/** A row of the forge. What a test leaves out is as a runner in use has it, of the whole instance. */
export interface Row {
  id: number;
  uuid: string;
  name: string;
  labels: string[];
  token?: string;
  /** Set by the daemon when it declares itself. */
  version?: string;
  description?: string;
  ownerId?: number;
  repoId?: number;
  /** When its daemon was last heard of, in any unit; lists are in this order, newest first. Default: never. */
  lastOnline?: number;
  /** As Forgejo calls it. Default: `idle` for a row that was heard of, else `offline`. */
  status?: "offline" | "idle" | "active";
  ephemeral?: boolean;
}

const organisationId = 3;
const userId = 1;
const repositoryId = 9;

/** The owner and the repository whose rows are at an API path, relative to /api/v1. */
export function scopeOf(place: string): { ownerId: number; repoId: number } {
  if (place === "admin") return { ownerId: 0, repoId: 0 };
  if (place.startsWith("repos/")) return { ownerId: 0, repoId: repositoryId };
  return { ownerId: place === "user" ? userId : organisationId, repoId: 0 };
}

/** Whether a row is the whole instance's. */
export const isGlobal = (row: Row) => !row.ownerId && !row.repoId;

/** As the forges order a list: who was heard of last comes first, then the newest row. */
export function inOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort((one, other) => (other.lastOnline ?? 0) - (one.lastOnline ?? 0) || other.id - one.id);
}

const statusOf = (row: Row) => row.status ?? (row.lastOnline ? "idle" : "offline");

/** A row as Gitea shows it. */
export function giteaShape(row: Row) {
  const status = statusOf(row);
  return {
    ...{ id: row.id, name: row.name, status: status === "offline" ? "offline" : "online", busy: status === "active" },
    ...{ disabled: false, ephemeral: row.ephemeral ?? false },
    labels: row.labels.map((label, index) => ({ id: index, name: label, type: "custom" })),
  };
}

/** A row as Forgejo shows it. */
export function forgejoShape(row: Row) {
  return {
    ...{ id: row.id, uuid: row.uuid, owner_id: row.ownerId ?? 0, repo_id: row.repoId ?? 0, name: row.name },
    ...{ status: statusOf(row), version: row.version ?? "v12.8.2", labels: row.labels.length > 0 ? row.labels : null },
    ...{ description: row.description ?? "", ephemeral: row.ephemeral ?? false },
  };
}

/** Whether a row is one of the scope at a path itself. */
export function isOf(row: Row, place: string): boolean {
  const { ownerId, repoId } = scopeOf(place);
  return (row.ownerId ?? 0) === ownerId && (row.repoId ?? 0) === repoId;
}
