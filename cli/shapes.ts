/**
 * The configuration of every project, by its name. Apart from the list, for reading them takes longer than a command that asks
 * nothing of a configuration.
 */
import type { ConfigShape } from "../lib/config/strict.ts";
import { projects } from "./projects.ts";

/** Every key of every project. */
export const shapes: Readonly<Record<string, ConfigShape>> = Object.fromEntries(
  await Promise.all(
    projects.map(async (project): Promise<[string, ConfigShape]> => [project.name, await project.configuration()]),
  ),
);
