//go:build kubernetes

// Package kubernetes names what scripts/helm and scripts/kubeconform build; go.mod and go.sum pin all that they consist of.
package kubernetes

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "helm.sh/helm/v3/cmd/helm"
)
