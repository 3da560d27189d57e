//go:build dendrite

// Package dendrite names what scripts/dendrite builds; go.mod and go.sum pin everything that it consists of.
package dendrite

import _ "github.com/matrix-org/dendrite/cmd/dendrite"
