//! The bytes of a typed value: what is encrypted, and what the MAC is computed over.
