//! Formats and cryptography of bulla, without network, async runtime or Kubernetes client.
//!
//! What lives here: [`sealed`], the SealedSecret format of Bitnami Sealed Secrets (v0.40.0 is the version that it is
//! held to), [`age`], encryption of whole files to recipients, and [`secret`], the types that hold plaintext and keys. What
//! does not: files, flags, clusters, clocks.
//! A caller hands in bytes, time and keys, and gets values or an [`Error`] back; nothing in this crate does I/O, except
//! that sealing and key generation draw random bytes.
//!
//! Data goes one way: bytes become an [`sealed::Envelope`], a manifest or a [`sealed::SealingKey`] at the border (parse,
//! don't validate), and only what has been parsed is worked on.

pub mod age;
mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod go_base64;
pub mod mac;
pub mod sealed;
pub mod secret;
pub mod sops;

pub use error::Error;
