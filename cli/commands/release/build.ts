import { releaseTools } from "../../../lib/release/tools.ts";
import { command, value } from "../../command-line/declaration.ts";

export default command({
  summary: "packs this checkout and its pinned tools into the one file that an operations runner gets",
  options: {
    file: value("FILE", "where the archive goes; default: it stays in the cache", { complete: "file" }),
    tool: value("TOOL", `plugin beside the engine: ${releaseTools.join(" or ")}; default: proxmoxve`, {
      many: true,
      complete: releaseTools,
    }),
  },
  table: true,
  examples: [
    { line: "holdfast release build --file holdfast.tar.gz", does: "path, size and sha256 of the archive" },
    { line: "holdfast release build --tool proxmoxve --tool libvirt", does: "for pools of both placements" },
  ],
  run: async (_, options) => (await import("../../release-build.ts")).releaseBuild(options),
});
