/**
 * Storages: what is on them, downloads from a URL, uploads, removal. Downloads know the images that were published to the
 * simulation, and nothing of the internet.
 */
import { createHash } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { ApiError, badParameters, failed } from "../api-error.ts";
import type { Cluster } from "../cluster.ts";
import { type Caller, may, requirePrivilege } from "../permissions.ts";
import type { SimulatedStorage, Volume } from "../state.ts";
import { type Call, required, route } from "./route.ts";

type DownloadContent = "import" | "iso" | "vztmpl";

export function storageRoutes(api: FastifyInstance, { state, tasks, faults }: Cluster): void {
  route(api, "GET", "/storage", ({ caller }) => {
    const visible = [...state.storages.values()].filter(({ id }) =>
      may(caller, `/storage/${id}`, "Datastore.Audit", "Datastore.AllocateSpace"),
    );
    return visible.map(configured);
  });

  route(api, "GET", "/storage/:storage", ({ caller, params: { storage: id = "" } }) => {
    requirePrivilege(caller, `/storage/${id}`, "Datastore.Audit", "Datastore.Allocate");
    return configured(state.requireStorage(id));
  });

  route(api, "GET", "/nodes/:node/storage", ({ caller, params: { node = "" } }) => {
    state.requireNode(node);
    const visible = [...state.storages.values()].filter(({ id }) =>
      may(caller, `/storage/${id}`, "Datastore.Audit", "Datastore.AllocateSpace"),
    );
    return visible.map((storage) => {
      const used = state.volumes(storage).reduce((sum, { size }) => sum + size, 0);
      return {
        ...{ storage: storage.id, type: storage.type, content: storage.content.join(","), active: 1, enabled: 1 },
        ...{ shared: storage.shared ? 1 : 0, total: storage.total, used, avail: storage.total - used },
      };
    });
  });

  route(api, "GET", "/nodes/:node/query-url-metadata", ({ caller, params: { node = "" }, fields }) => {
    state.requireNode(node);
    requireNetwork(caller, node);
    const url = required(fields, "url");
    const image = state.images.get(url);
    if (!image) throw failed("invalid server response: '404 Not Found'");
    return {
      filename: new URL(url).pathname.split("/").at(-1),
      size: image.size,
      mimetype: "application/octet-stream",
    };
  });

  route(api, "POST", "/nodes/:node/storage/:storage/download-url", ({ caller, params, fields }) => {
    const { node = "", storage: id = "" } = params;
    state.requireNode(node);
    requireNetwork(caller, node);
    requirePrivilege(caller, `/storage/${id}`, "Datastore.AllocateTemplate");
    const storage = state.requireStorage(id);
    const content = contentOf(storage, required(fields, "content"));
    const filename = required(fields, "filename");
    const volid = `${id}:${content}/${filename}`;
    if (storage.volumes.has(volid)) throw failed(`refusing to override existing file '${filename}'`);
    const image = state.images.get(required(fields, "url"));
    return tasks.start({
      ...{ node, type: "download", id: filename, user: caller.name },
      work(log) {
        log(`downloading ${fields.url} to ${storage.path ?? id}/${filename}`);
        if (!image) throw failed("download failed: 404 Not Found");
        if (faults.isFull(id)) throw failed(`download failed: cannot write to '${filename}': No space left on device`);
        const { checksum } = fields;
        if (checksum !== undefined && checksum.toLowerCase() !== image.sha256) {
          throw failed(`checksum mismatch: got '${image.sha256}' != expect '${checksum}'`);
        }
        add(storage, { volid, content, format: formatOf(filename), size: image.size, sha256: image.sha256 });
        state.virtualSizes.set(volid, image.virtualSize ?? image.size);
      },
    });
  });

  route(api, "POST", "/nodes/:node/storage/:storage/upload", async ({ caller, params, request }) => {
    const { node = "", storage: id = "" } = params;
    state.requireNode(node);
    requirePrivilege(caller, `/storage/${id}`, "Datastore.AllocateTemplate");
    const storage = state.requireStorage(id);
    const { content, filename, bytes } = await readUpload(request);
    const kind = contentOf(storage, content);
    const volid = `${id}:${kind}/${filename}`;
    return tasks.start({
      ...{ node, type: "imgcopy", user: caller.name },
      work() {
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        add(storage, { volid, content: kind, format: formatOf(filename), size: bytes.length, sha256 });
      },
    });
  });

  route(api, "GET", "/nodes/:node/storage/:storage/content", ({ caller, params, fields }) => {
    const { node = "", storage: id = "" } = params;
    state.requireNode(node);
    requirePrivilege(caller, `/storage/${id}`, "Datastore.Audit", "Datastore.AllocateSpace");
    const all = state.volumes(state.requireStorage(id));
    return all.filter(({ content }) => fields.content === undefined || content === fields.content).map(listed);
  });

  route(api, "GET", "/nodes/:node/storage/:storage/content/:volume", ({ caller, params }) => {
    const volume = findVolume(params);
    requirePrivilege(caller, `/storage/${params.storage}`, "Datastore.Audit", "Datastore.AllocateSpace");
    return { format: volume.format, size: volume.size, used: volume.size, path: volume.volid };
  });

  route(api, "DELETE", "/nodes/:node/storage/:storage/content/:volume", ({ caller, params }) => {
    const volume = findVolume(params);
    const owned = volume.content === "images" ? "Datastore.AllocateSpace" : "Datastore.AllocateTemplate";
    requirePrivilege(caller, `/storage/${params.storage}`, "Datastore.Allocate", owned);
    return tasks.start({
      ...{ node: params.node ?? "", type: "imgdel", id: params.storage ?? "", user: caller.name },
      work: () => state.removeVolume(volume.volid),
    });
  });

  function findVolume({ node = "", storage = "", volume = "" }: Record<string, string>): Volume {
    state.requireNode(node);
    state.requireStorage(storage);
    const volid = volume.includes(":") ? volume : `${storage}:${volume}`;
    const found = state.volume(volid);
    if (!found) throw failed(`volume_size_info on '${volid}' failed - no such volume, or it does not exist`);
    return found;
  }
}

function configured({ id, type, content, path, shared }: SimulatedStorage) {
  const optional = { ...(path === undefined ? {} : { path }), ...(shared ? { shared: 1 } : {}) };
  return { storage: id, type, content: content.join(","), ...optional };
}

function requireNetwork(caller: Caller, node: string): void {
  const allowed = may(caller, "/", "Sys.Modify") || may(caller, `/nodes/${node}`, "Sys.AccessNetwork");
  if (!allowed) throw new ApiError(403, "Permission check failed");
}

function contentOf(storage: SimulatedStorage, content: string): DownloadContent {
  if (content !== "import" && content !== "iso" && content !== "vztmpl") {
    throw badParameters({
      content: `value '${content}' does not have a value in the enumeration 'iso, vztmpl, import'`,
    });
  }
  if (!storage.content.includes(content))
    throw failed(`storage '${storage.id}' is not configured for content-type '${content}'`);
  return content;
}

function add(storage: SimulatedStorage, volume: Omit<Volume, "ctime">): void {
  storage.volumes.set(volume.volid, { ...volume, ctime: Math.floor(Date.now() / 1000) });
}

function formatOf(filename: string): string {
  return /\.(qcow2|raw|vmdk|iso|ova)$/.exec(filename)?.[1] ?? "raw";
}

function listed({ volid, content, format, size, ctime, vmid, parent }: Volume) {
  const optional = { ...(vmid === undefined ? {} : { vmid }), ...(parent === undefined ? {} : { parent }) };
  return { volid, content, format, size, ctime, used: size, ...optional };
}

async function readUpload(request: Call["request"]) {
  const form: { content: string; filename: string; bytes: Uint8Array } = {
    content: "",
    filename: "",
    bytes: new Uint8Array(),
  };
  for await (const part of request.parts()) {
    if (part.type === "file") {
      form.filename = part.filename;
      form.bytes = await part.toBuffer();
    } else if (part.fieldname === "content") form.content = String(part.value);
  }
  return form;
}
