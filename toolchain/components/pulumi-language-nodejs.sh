#!/bin/sh
project=$PWD
until [ -f "$project/Pulumi.yaml" ] || [ -z "$project" ]; do project=${project%/*}; done
nodeargs=$(sed -n 's/.*nodeargs"\{0,1\}: *"\([^"]*\)".*/\1/p' "$project/Pulumi.yaml" 2>/dev/null)
exec "$(dirname "$0")/../libexec/pulumi-language-nodejs" -typescript=false -nodeargs="$nodeargs" "$@"
