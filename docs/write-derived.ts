/**
 * `npm run derived`: writes every file, and part of a file, that is derived from others. With `--check` it writes nothing and fails
 * when one of them is stale.
 */
import { commandFiles } from "../cli/derived-commands.ts";
import { writeDerived } from "../lib/derived.ts";
import { runMain } from "../lib/failure.ts";
import { schemaFiles } from "../stacks/schemas.ts";
import { architectureFile } from "./architecture.ts";

await runMain(async () => writeDerived(new Map([...schemaFiles(), ...(await commandFiles()), ...architectureFile()])));
