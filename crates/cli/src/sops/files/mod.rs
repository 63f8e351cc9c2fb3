//! sops files under bulla's own verbs.
