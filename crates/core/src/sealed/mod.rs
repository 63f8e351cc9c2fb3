//! The SealedSecret format, as Bitnami Sealed Secrets v0.40.0 reads and writes it.
//!
//! A SealedSecret carries one independent ciphertext per item of a Secret ([`Envelope`]), sealed with the public key of a
//! cluster ([`SealingCertificate`]) for a [`Scope`]. Whoever holds the private keys ([`KeyRing`]) gets the items back.
//!
//! Towards sealing: [`PlainSecret`] (from a manifest) -> [`seal`](PlainSecret::seal) -> [`SealedSecret`] -> manifest.
//! Towards the cluster: [`SealedSecret`] (from a manifest or the API) -> [`unseal`] -> [`UnsealedSecret`], the only
//! type from which a Secret can be written, and [`unseal`] with its two steps its only constructor.
//! To a newer key: [`reseal_item`] and [`ObjectReseal`], from sealed to sealed.
//!
//! What does not live here: fetching certificates, watching clusters, choosing files. Sources of behaviour are cited as
//! "sealed-secrets 4.1": part 4.1 of the project's specification of that tool.

mod certificate;
mod envelope;
mod failure;
mod generate;
mod item_errors;
mod key_backup;
mod key_document;
mod key_ring;
mod key_state;
mod object;
mod plain;
mod predict;
mod private_key;
mod reseal;
mod reseal_batch;
mod rotated;
mod scope;
mod unseal;
mod write;

pub use certificate::{Fingerprint, SealingCertificate};
pub use envelope::{Envelope, seal_value};
pub use failure::{Failure, FailureClass};
pub use generate::{GeneratedKey, KeySize, NewKey, generate_key};
pub use item_errors::ItemErrors;
pub use key_backup::{BackupReport, KeySecret, SkippedKey, read_key_backup, read_key_secret};
pub use key_document::{KEY_ARCHIVED, KeyDocument, key_list, key_manifest, read_key_documents};
pub use key_ring::{KeyRing, ObjectHints, OpenedValue, RingKey};
pub use key_state::{KEY_STATE_LABEL, KeyLabel, KeyState, MAX_CLOCK_SKEW, begins_in_the_future};
pub use object::{Item, SealedSecret, Template};
pub use plain::{Converted, ConvertedPart, PlainSecret, PlainSecretError, Problem};
pub use private_key::SealingKey;
pub use reseal::{ItemOutcome, ObjectReseal, Place, Task, reseal_item};
pub use reseal_batch::{
    MAX_RESEAL_BYTES, MAX_RESEAL_ITEMS, ResealAnswer, ResealItem, ResealRequest, ResealRequestError, ResealStatus,
    ResealedItem,
};
pub use rotated::{MAX_OBJECT_BYTES, read_object, rotated};
pub use scope::{Scope, ScopeMismatch};
pub use unseal::{
    OpenedSecret, Rendered, Renderer, TemplateErrors, UnsealError, UnsealOptions, UnsealedSecret, open, unseal,
};
pub use write::OwnerReference;

/// The API version of SealedSecret objects.
pub const API_VERSION: &str = "bitnami.com/v1alpha1";
/// The kind of SealedSecret objects.
pub const KIND: &str = "SealedSecret";
/// The label that marks a Secret as a sealing key; only its value [`KEY_ACTIVE`] counts.
pub const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// The value of [`KEY_LABEL`] with which a key is loaded.
pub const KEY_ACTIVE: &str = "active";
/// In the template: leave ownerReferences alone.
pub const SKIP_OWNER_ANNOTATION: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";
/// On a live Secret: its SealedSecret may take it over although it does not own it.
pub const MANAGED_ANNOTATION: &str = "sealedsecrets.bitnami.com/managed";
/// On a live Secret: its SealedSecret adds to it, and removes nothing.
pub const PATCH_ANNOTATION: &str = "sealedsecrets.bitnami.com/patch";
