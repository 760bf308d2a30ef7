// Package mapping gives the Terraform provider bpg/proxmox the names that the npm package @muhlba91/pulumi-proxmoxve
// uses, for the resources that holdfast needs.
package mapping

import (
	"context"

	"github.com/bpg/terraform-provider-proxmox/fwprovider"
	"github.com/bpg/terraform-provider-proxmox/proxmoxtf/provider"
	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// Name is the package's name in tokens and in the plugin's file name.
const Name = "proxmoxve"

// Version is the npm package's. The toolchain sets it when it links.
var Version = "0.0.0-unset"

// Resources says which token stands for a Terraform resource.
var resources = map[string]tokens.Type{
	"proxmox_virtual_environment_vm":   "proxmoxve:index/vmLegacy:VmLegacy",
	"proxmox_virtual_environment_file": "proxmoxve:index/fileLegacy:FileLegacy",
	"proxmox_virtual_environment_pool": "proxmoxve:index/poolLegacy:PoolLegacy",
	"proxmox_download_file":            "proxmoxve:download/file:File",
}

// Provider describes the plugin. The metadata is what tfgen writes; tfgen itself starts from an empty object.
func Provider(metadata []byte) tfbridge.ProviderInfo {
	upstream := pfbridge.MuxShimWithPF(context.Background(),
		sdkv2.NewProvider(provider.ProxmoxVirtualEnvironment()), fwprovider.New(Version)())
	info := tfbridge.ProviderInfo{
		P:                             upstream,
		Name:                          Name,
		Version:                       Version,
		ResourcePrefix:                "proxmox",
		GitHubOrg:                     "bpg",
		MetadataInfo:                  tfbridge.NewProviderMetadata(metadata),
		Resources:                     map[string]*tfbridge.ResourceInfo{},
		UpstreamRepoPath:              ".",
		EnableAccurateBridgePreview:   true,
		EnableAccuratePFBridgePreview: true,
	}
	upstream.ResourcesMap().Range(func(name string, _ shim.Resource) bool {
		if token, wanted := resources[name]; wanted {
			info.Resources[name] = &tfbridge.ResourceInfo{Tok: token, Docs: &tfbridge.DocInfo{Markdown: []byte(" ")}}
		} else {
			info.IgnoreMappings = append(info.IgnoreMappings, name)
		}
		return true
	})
	upstream.DataSourcesMap().Range(func(name string, _ shim.Resource) bool {
		info.IgnoreMappings = append(info.IgnoreMappings, name)
		return true
	})
	return info
}
