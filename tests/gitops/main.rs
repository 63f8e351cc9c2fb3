//! A whole GitOps tree, from plain Secrets to sealed files to native Secrets, and back again.

fn main() {}
