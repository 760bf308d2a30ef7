import { copyFileSync, renameSync } from "node:fs";
import { resolve } from "node:path";
import { releaseTools, toolsOf } from "../../../lib/release/tools.ts";
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
  async run(_, { file, tool, json }) {
    const [{ step }, { ensureRelease }, { checkout }] = await Promise.all([
      import("../../../lib/progress.ts"),
      import("../../../release/release.ts"),
      import("../../pulumi.ts"),
    ]);
    const release = await step("Release of this checkout", async (report) => {
      const made = await ensureRelease(checkout, toolsOf(tool ?? ["proxmoxve"]));
      report.detail(made.built ? "built" : "there already");
      return made;
    });
    const path = file === undefined ? release.file : resolve(file);
    if (file !== undefined) {
      // Whole or not at all.
      copyFileSync(release.file, `${path}.partial`);
      renameSync(`${path}.partial`, path);
    }
    const { sha256, size } = release;
    if (json) process.stdout.write(`${JSON.stringify({ path, size, sha256: `sha256:${sha256}` }, null, 2)}\n`);
    else process.stdout.write(`${path}\n${(size / 1e6).toFixed(1)} MB\nsha256:${sha256}\n`);
    return 0;
  },
});
