import * as pulumi from "@pulumi/pulumi";
import { HoldfastProvider } from "../../../../resources/sdk.ts";

class Thing extends pulumi.CustomResource {
  constructor(name: string, args: { name: string; journal: string; ms: number }, opts: pulumi.CustomResourceOptions) {
    super("holdfast:test:Thing", name, args, opts);
  }
}

const config = new pulumi.Config();
const provider = new HoldfastProvider("holdfast", {});
const journal = config.require("journal");
/** Takes longer than the other one needs to break. */
new Thing("beside", { name: "beside", journal, ms: 1_500 }, { provider });
new Thing("broken", { name: "broken", journal, ms: 300 }, { provider });
