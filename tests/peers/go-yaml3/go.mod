module bulla.dev/tests/peers/go-yaml3

go 1.26

// The version that sops 3.13.3 is built with: see ../sops/go.mod.
require go.yaml.in/yaml/v3 v3.0.4
