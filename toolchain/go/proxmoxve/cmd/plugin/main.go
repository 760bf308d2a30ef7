// Command plugin is pulumi-resource-proxmoxve.
package main

import (
	"context"
	_ "embed"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"

	"holdfast/toolchain/proxmoxve/mapping"
)

// What cmd/tfgen wrote: the schema, and which half of the Terraform provider (SDKv2 or framework) serves each token.
var (
	//go:embed schema.json
	schema []byte
	//go:embed bridge-metadata.json
	metadata []byte
)

func main() {
	tfbridge.MainWithMuxer(context.Background(), mapping.Name, mapping.Provider(metadata), schema)
}
