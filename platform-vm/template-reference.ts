/**
 * How a pool names the stack with its templates. Pure.
 */

/**
 * The stack with the templates' contract. `core/onprem/template-image#x` is the stack x, else that of the environment, which
 * may be empty.
 */
export function templateStack(reference: string, env: string): string {
  const [module = "", instance] = reference.split("#");
  if (module === "core/onprem/template-image") return instance ?? env;
  return module.replace(/^template-image\//, "");
}
