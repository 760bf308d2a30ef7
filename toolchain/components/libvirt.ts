/**
 * What `@pulumi/libvirt` runs on: Pulumi's dynamic bridge, and the Terraform provider that it starts.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { run } from "../../lib/run.ts";
import type { Component } from "../component.ts";
import { type Archive, downloaded } from "../download.ts";
import { type AdaptedModule, type GoBuild, goBuild, goBuildAdapted, sourceFiles } from "../go-build.ts";
import { platform, versions } from "../pins.ts";
import { foundOnPath } from "../search-path.ts";
import { readZipEntry } from "../unzip.ts";

const { terraformProvider: bridge, libvirt } = versions;
const system = `${platform.os}_${platform.arch}`;

/** The plugin's executable, relative to the component, and to a directory of `PULUMI_HOME/plugins`. */
export const bridgeExecutable = "pulumi-resource-terraform-provider";

const bridgeArchive: Archive = {
  url: `https://github.com/pulumi/pulumi-terraform-provider/releases/download/v${bridge}/${bridgeExecutable}-v${bridge}-${platform.os}-${platform.arch}.tar.gz`,
  checksums: `https://github.com/pulumi/pulumi-terraform-provider/releases/download/v${bridge}/pulumi-terraform-provider_${bridge}_checksums.txt`,
};

const bridgeBuild: GoBuild = {
  source: "terraform-bridge",
  package: "github.com/pulumi/pulumi-terraform-bridge/v3/dynamic",
  ldflags: `-X github.com/pulumi/pulumi-terraform-bridge/v3/dynamic/version.version=v${bridge}`,
};

/** The plugin `terraform-provider`. */
export const bridgeComponent: Component = {
  name: "terraform-bridge",
  version: bridge,
  expectation: "2 min if it must be built",
  recipe: { archive: bridgeArchive, build: bridgeBuild },
  sources: sourceFiles(bridgeBuild.source),
  binaries: [bridgeExecutable],
  ways: [
    foundOnPath({ command: bridgeExecutable, versionArguments: ["-version"], version: bridge, into: "." }),
    downloaded(bridgeArchive, async (file, directory) => {
      await run("tar", ["-xzf", file, "-C", directory, bridgeExecutable]);
    }),
    {
      name: "built from Go modules",
      async make(directory) {
        await goBuild(bridgeBuild, join(directory, bridgeExecutable));
        return { made: true };
      },
    },
  ],
  async verify(directory) {
    const says = (await run(join(directory, bridgeExecutable), ["-version"], { timeoutMs: 30_000 })).trim();
    return says === `v${bridge}` ? undefined : `it says that it is ${says}`;
  },
};

/** Where the bridge looks for a provider below `PULUMI_DYNAMIC_TF_PLUGIN_CACHE_DIR`. */
const providerPath = `registry.opentofu.org/dmacvicar/libvirt/${libvirt}/${system}/terraform-provider-libvirt_v${libvirt}`;

const providerArchive: Archive = {
  url: `https://github.com/dmacvicar/terraform-provider-libvirt/releases/download/v${libvirt}/terraform-provider-libvirt_${libvirt}_${system}.zip`,
  checksums: `https://github.com/dmacvicar/terraform-provider-libvirt/releases/download/v${libvirt}/terraform-provider-libvirt_${libvirt}_SHA256SUMS`,
};

const providerBuild: GoBuild = {
  source: "terraform-provider-libvirt",
  package: "github.com/dmacvicar/terraform-provider-libvirt",
};

/**
 * The client library that the provider talks to libvirt with takes what comes first for the reply to its call. Now and then
 * (1 read in 70 on two busy cores) libvirtd sends the first of a volume's content before that reply, and every refresh of a
 * cloud-init disk reads such a stream. The client then takes the reply for the end of the content and goes, with nothing in
 * its hands ("corrupted-image: EOF"), or deadlocks: its lock is held for a packet that nobody takes any more.
 * Here what comes before the reply is kept, and read first.
 */
const client: AdaptedModule = {
  module: "github.com/digitalocean/go-libvirt",
  files: {
    "rpc.go": [
      {
        from: "\t\treturn response{}, err\n\t}\n\n\tresp, err := l.getResponse(c)\n",
        until: "\tif err != nil {\n\t\treturn resp, err\n\t}\n\n\tif out != nil {",
        to: "\t\treturn response{}, err\n\t}\n\n\tresp, err := l.getResponse(c)\n\tvar early []response\n\tfor err == nil && resp.Status == socket.StatusContinue {\n\t\tearly = append(early, resp)\n\t\tresp, err = l.getResponse(c)\n\t}\n",
      },
      {
        from: "\t\treturn resp, nil\n\tdefault:\n",
        until: "\t\treturn l.processIncomingStream(c, in)",
        to: "\t\treturn resp, nil\n\tdefault:\n\t\tfor _, packet := range early {\n\t\t\tif len(packet.Payload) == 0 {\n\t\t\t\treturn packet, nil\n\t\t\t}\n\t\t\tif _, err := in.Write(packet.Payload); err != nil {\n\t\t\t\treturn response{}, err\n\t\t\t}\n\t\t}\n",
      },
    ],
  },
};

/** The Terraform provider dmacvicar/libvirt. It cannot be asked for its version, so none is taken from PATH. */
export const libvirtProviderComponent: Component = {
  name: "terraform-provider-libvirt",
  version: libvirt,
  expectation: "1 min if it must be built",
  recipe: { archive: providerArchive, build: providerBuild, client },
  sources: sourceFiles(providerBuild.source),
  binaries: [providerPath],
  ways: [
    downloaded(providerArchive, async (file, directory) => {
      const target = join(directory, providerPath);
      mkdirSync(join(target, ".."), { recursive: true });
      writeFileSync(target, readZipEntry(file, basename(providerPath)), { mode: 0o755 });
    }),
    {
      name: "built from Go modules",
      async make(directory) {
        await goBuildAdapted(providerBuild, join(directory, providerPath), [client]);
        return { made: true, detail: "with an adapted go-libvirt" };
      },
    },
  ],
};
