//go:build tools

// Package tools pins what the toolchain builds; nothing imports it.
package tools

import _ ""
