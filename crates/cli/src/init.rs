//! `bulla init`: looks at a repository and writes its `.bulla.yaml`.
