//! `.sops.yaml`: creation rules, destination rules, and the stores' settings.
