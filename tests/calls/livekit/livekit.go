//go:build livekit

// Package livekit names what scripts/livekit builds; go.mod and go.sum pin everything that it consists of.
package livekit

import _ "github.com/livekit/livekit-server/cmd/server"
