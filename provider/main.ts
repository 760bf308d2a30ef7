/**
 * Entry of the plugin process.
 */
import { catalogue } from "./catalogue.ts";
import { runPlugin } from "./process.ts";

await runPlugin(catalogue);
