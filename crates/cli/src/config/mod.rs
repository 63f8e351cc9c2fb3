//! `.bulla.yaml`: the settings of a repository.
