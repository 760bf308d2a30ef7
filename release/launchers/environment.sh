# shellcheck shell=sh
# Read by the commands beside it: what they share.
release=$(dirname "$(dirname "$(readlink -f "$0")")")
export PATH="$release/bin:$release/node/bin:$PATH"
export HOLDFAST_TOOLCHAIN="$release/toolchain"
