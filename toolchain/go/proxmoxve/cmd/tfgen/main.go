// Command tfgen writes what the plugin embeds: `tfgen schema --out <directory>`.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"

	"holdfast/toolchain/proxmoxve/mapping"
)

func main() { tfgen.MainWithMuxer(mapping.Name, mapping.Provider([]byte("{}"))) }
