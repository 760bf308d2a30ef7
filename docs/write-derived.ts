/**
 * `npm run derived`: writes every file, and part of a file, that is derived from others. With `--check` it writes nothing and fails
 * when one of them is stale.
 */
import { commandFiles } from "../cli/derived-commands.ts";
import { writeDerived } from "../lib/derived.ts";
import { runMain } from "../lib/failure.ts";
import { catalogueFile } from "../provider/derived-catalogue.ts";
import { schemaFiles } from "../stacks/schemas.ts";
import { architectureFile } from "./architecture.ts";

await runMain(async () => {
  const texts = [schemaFiles(), await commandFiles(), await catalogueFile(), architectureFile()];
  writeDerived(new Map(texts.flatMap((files) => [...files])));
});
