/**
 * Where the modules of a bundle are: what they read beside themselves lies beside their sources, not beside the bundle.
 */
import { readFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import type { Plugin } from "esbuild";
import { ownDirectory } from "./banner.js";

/**
 * Modules that ask where they are are told where their source is, from the bundle's place: both may move together.
 * @param folder the bundle's, absolute.
 */
export function places(folder: string): Plugin {
  return {
    name: "places",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        if (!text.includes("import.meta.")) return undefined;
        const at = (place: string) =>
          `require("node:path").join(${ownDirectory}, ${JSON.stringify(relative(folder, place))})`;
        const own: Record<string, string> = {
          dirname: at(dirname(path)),
          filename: at(path),
          url: `require("node:url").pathToFileURL(${at(path)}).href`,
        };
        const contents = text.replaceAll(/\bimport\.meta\.(dirname|filename|url)\b/g, (_, name) => own[name] ?? "");
        return { contents, loader: "ts" };
      });
    },
  };
}
