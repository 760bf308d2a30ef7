/**
 * How people name a stack: `<project>#<stack>`, `<project>/<stack>`, or the runbook's `platform/onprem/platform-vm#instance`.
 * Pure.
 */
import { projectOfModule } from "../projects.ts";

/** The stack of an environment that an instance names: `onprem_ops_runner` in `dev` is `dev-onprem-ops-runner`. */
export function stackOf(instance: string, env: string): string {
  // A stack's own name, as `pulumi stack ls` shows it, is taken as it is.
  if (env === "" || instance === env || instance.startsWith(`${env}-`)) return instance;
  return `${env}-${instance.replaceAll("_", "-")}`;
}

/**
 * Reads a reference.
 * @param env environment, for names without one; empty: names are taken as they are.
 * @returns undefined for text that names no stack.
 */
export function parseReference(text: string, env: string): { project: string; stack: string } | undefined {
  const [module = "", instance, ...more] = text.split("#");
  if (more.length > 0) return undefined;
  const at = module.lastIndexOf("/");
  if (instance === undefined && at < 0) return undefined;
  const project = instance === undefined ? module.slice(0, at) : module;
  const name = instance ?? module.slice(at + 1);
  const known = projectOfModule(project)?.name ?? project;
  if (!/^[a-z][a-z0-9-]*$/.test(known) || !/^\w[\w.-]*$/.test(name)) return undefined;
  return { project: known, stack: stackOf(name, env) };
}
