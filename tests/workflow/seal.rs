//! `bulla seal`, `bulla cert` and `.bulla.yaml`: which certificate, which Secrets, which files.

mod certificates;
mod guide;
mod trees;
mod values;
