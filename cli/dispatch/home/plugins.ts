/**
 * Which plugins the states of each project name: what a state that comes from elsewhere may make Pulumi start.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectNamed } from "../../projects.ts";
import { checkout } from "../../pulumi.ts";

/** What an npm package says of its plugin. */
interface PluginPackage {
  pulumi: { name: string; version: string; server?: string; parameterization?: { version: string; value: string } };
}

/** The packages of a project. One that is not of this suite has none of its own: only those that its state had. */
export function projectPackages(project: string): readonly string[] {
  return projectNamed(project)?.packages ?? [];
}

/** Inputs by which Pulumi finds the plugins of a project, as the SDKs of this checkout write them into a state. */
export function projectPlugins(project: string): object[] {
  // Those that Pulumi finds by their name alone: its own, and that of the path in Pulumi.yaml.
  return [{}, ...projectPackages(project).flatMap((name) => (name === "holdfast" ? [] : [pluginInputs(name)]))];
}

function pluginInputs(name: string): object {
  const file = join(checkout, "node_modules", "@pulumi", name, "package.json");
  const { pulumi } = JSON.parse(readFileSync(file, "utf8")) as PluginPackage;
  const { parameterization, server } = pulumi;
  if (parameterization) {
    const { value, version } = parameterization;
    return { version, __internal: { name: pulumi.name, parameterization: value, version: pulumi.version } };
  }
  return { version: pulumi.version, ...(server === undefined ? {} : { __internal: { pluginDownloadURL: server } }) };
}
