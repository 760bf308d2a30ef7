/**
 * What of a checkout goes elsewhere: onto an operator's workstation in the lab, and into a release. Programs, their examples
 * and their packages; never stack files of a real site, and nothing that is not known to be code.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { Failure } from "../lib/failure.ts";
import type { ReleaseEntry } from "../lib/release/format.ts";

/** What the programs need beside their own folders, by its name in the top folder. */
const sharedParts = [
  "Pulumi.yaml",
  "package.json",
  "tsconfig.json",
  "blueprints",
  "cli",
  "components",
  "lib",
  "provider",
  "release",
  "resources",
  "stacks",
  "toolchain",
];

/**
 * Folders of a checkout that hold a Pulumi program of the suite, in no order: found there, for it may be another checkout than
 * the one that looks.
 */
export function programFolders(checkout: string): string[] {
  return readdirSync(checkout).filter((name) => existsSync(join(checkout, name, "start.js")));
}

/** What of a checkout the programs need, by its name in the top folder. */
export function programParts(checkout: string): string[] {
  return [...sharedParts, ...programFolders(checkout)];
}

/** Whether a path of a checkout may leave it, as far as stack files go: those may be of a real site. Relative, with `/`. */
export function isProgramSource(path: string): boolean {
  return (
    !path.split("/").includes("node_modules") &&
    !/^stacks\/[^/]+\/Pulumi\.(?!example|min|typical|enterprise|libvirt)[^/]*\.yaml$/.test(path)
  );
}

/** Names of files that are code, or what code needs: what else lies in a checkout may be a secret, a contract, a log. */
const code =
  /\.(ts|js|mjs|cjs|sh|go|patch|md|bash|zsh|fish)$|^(package|tsconfig)\.json$|^Pulumi(\.[a-z]+)?\.yaml$|^go\.(mod|sum)$|^LICENSE$|^pulumi-resource-holdfast$/;

/** What is no code and belongs to it all the same, by its path. */
const data = /^(stacks\/schemas\/[\w-]+\.json|blueprints\/([\w-]+\/)*[\w@-]+\.yml)$/;

/** The checkout's own files, in the folder `into` of a release. */
export function sourceEntries(checkout: string, into: string): ReleaseEntry[] {
  const parts = [...programParts(checkout), "sdks", "LICENSE"];
  const files = parts.flatMap((part) => filesBelow(join(checkout, part)));
  return files.flatMap((from): ReleaseEntry[] => {
    const path = relative(checkout, from).split(sep).join("/");
    const name = path.split("/").at(-1) ?? "";
    const hidden = path.split("/").some((segment) => segment.startsWith("."));
    const wanted = code.test(name) || data.test(path);
    if (hidden || !wanted || !isProgramSource(path)) return [];
    return [{ path: `${into}/${path}`, from, executable: isExecutable(from) }];
  });
}

/** A package in node_modules/.package-lock.json. */
interface LockedPackage {
  link?: boolean;
  resolved?: string;
  dev?: boolean;
  devOptional?: boolean;
}

/** What is in packages and nobody runs: declarations and source maps. Licences stay. */
const unused = /\.(d\.[mc]?ts|map|tsbuildinfo)$/;

/**
 * The packages that the programs need at run time, in the folder `into` of a release.
 * @throws Failure where they are not installed.
 */
export function packageEntries(checkout: string, into: string): ReleaseEntry[] {
  return Object.entries(installedPackages(checkout)).flatMap(([place, locked]): ReleaseEntry[] => {
    if (locked.link) {
      const up = place
        .split("/")
        .slice(0, -1)
        .map(() => "..");
      return [{ path: `${into}/${place}`, linkTo: [...up, locked.resolved ?? ""].join("/") }];
    }
    const directory = join(checkout, place);
    // A workspace itself is listed, too: of the checkout's own folders only code goes in.
    if (!place.split("/").includes("node_modules") || !existsSync(directory)) return [];
    return filesBelow(directory)
      .filter((from) => !relative(directory, from).split(sep).includes("node_modules") && !unused.test(from))
      .map((from) => {
        const path = `${into}/${place}/${relative(directory, from).split(sep).join("/")}`;
        return { path, from, executable: isExecutable(from) };
      });
  });
}

/** The installed packages that are there not for development alone, by their place. */
export function installedPackages(checkout: string): Record<string, LockedPackage> {
  const file = join(checkout, "node_modules", ".package-lock.json");
  if (!existsSync(file)) throw new Failure(`${checkout} has no packages installed`, `npm ci, in ${checkout}`);
  const { packages } = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, LockedPackage> };
  return Object.fromEntries(Object.entries(packages).filter(([, { dev, devOptional }]) => !dev && !devOptional));
}

/** Regular files at or below a path, links among them followed, in no order. */
export function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => {
    const inner = join(path, name);
    // A link that leads nowhere, as packages for other platforms have them.
    return existsSync(inner) ? filesBelow(inner) : [];
  });
}

function isExecutable(path: string): boolean {
  return (statSync(path).mode & 0o100) !== 0;
}
