/**
 * Options that say which blueprint, and where: the same in every command that takes one.
 */
import { value } from "../command-line/declaration.ts";
import { blueprintRefs } from "../command-line/names.ts";

/** The environment, and the blueprint as a file or as one that the checkout ships. */
export const blueprintOptions = {
  env: value("E", "environment, for example dev; default: what HYOPS_ENV says"),
  ref: value("REF", "a blueprint that the checkout ships, for example networking/onprem-ops-runner@v1", {
    complete: blueprintRefs,
  }),
  file: value("FILE", "a blueprint that was copied and filled in", { complete: "file" }),
} as const;
