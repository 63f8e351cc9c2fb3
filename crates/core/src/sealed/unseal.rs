//! May this ciphertext become this Secret? The one place that answers.
//!
//! [`unseal`] and its two steps are the only way to an [`UnsealedSecret`], and a Secret is written from nothing else:
//! [`open`] decrypts every item, [`OpenedSecret::render`] puts the templates' outputs beside them. Two steps, because the
//! first costs RSA operations and the second runs what a stranger wrote, so that a controller does them on other threads.
//!
//! Scope, namespace and name come from the SealedSecret's own metadata, never from the template; the ciphertext decides
//! (sealed-secrets 2.1, 4.1). From the template come labels, annotations, type, immutability, `data`, and ownerReferences where the template asks
//! to leave them alone; finalizers do not.

mod open;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::sealed::SKIP_OWNER_ANNOTATION;
use crate::sealed::certificate::Fingerprint;
use crate::sealed::item_errors::ItemErrors;
use crate::sealed::key_ring::{KeyRing, ObjectHints};
use crate::sealed::object::SealedSecret;
use crate::secret::SecretBytes;

pub use open::{OpenedSecret, open};
pub use template::{Rendered, Renderer, TemplateErrors};

/// What the caller allows.
#[derive(Clone, Copy, Debug)]
pub struct UnsealOptions {
    /// Whether the deprecated `spec.data` is read; upstream's default is yes.
    pub accept_deprecated_data: bool,
    /// Whether a value that no key opens is tried under other scopes, and under the names in the template, so that the
    /// error can say what it was sealed for. At most one value of an object is diagnosed.
    pub diagnose: bool,
}

impl Default for UnsealOptions {
    fn default() -> Self {
        Self { accept_deprecated_data: true, diagnose: true }
    }
}

/// A Secret as its SealedSecret states it, decrypted.
pub struct UnsealedSecret {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owners: Vec<Value>,
    secret_type: String,
    immutable: Option<bool>,
    data: BTreeMap<String, SecretBytes>,
    keys: BTreeMap<String, Fingerprint>,
    varying: BTreeSet<String>,
}

/// The object as a whole does not open. Holds no byte of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// Some items do not open; the others are not handed out.
    #[error("{0}")]
    Items(ItemErrors),
    /// `spec.data` is used and switched off. The wording is upstream's.
    #[error("using deprecated 'data' field, use 'encryptedData' or flip the feature flag")]
    DeprecatedDataOff,
    /// `spec.data` and `spec.encryptedData` are both used. The wording is upstream's.
    #[error("cannot use the field 'encryptedData' and the deprecated field 'data' at the same time")]
    BothDataFields,
    /// What `spec.data` holds is no Secret.
    #[error("the deprecated field 'data' does not hold a Secret")]
    DeprecatedDataMalformed,
    /// Templates of `spec.template.data` fail.
    #[error("{0}")]
    Templates(TemplateErrors),
}

/// Opens every item of `sealed` with the keys of `ring`, and renders its templates with `render`.
///
/// # Errors
/// [`UnsealError`]; with [`UnsealError::Items`] every item that does not open is named with its cause.
pub fn unseal(
    sealed: &SealedSecret,
    ring: &KeyRing,
    hints: &mut ObjectHints,
    options: UnsealOptions,
    render: &Renderer<'_>,
) -> Result<UnsealedSecret, UnsealError> {
    open(sealed, ring, hints, options)?.render(render)
}

impl UnsealedSecret {
    /// `metadata.name`, the SealedSecret's own.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `metadata.namespace`, the SealedSecret's own.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The labels that the template names.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// The annotations that the template names.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The ownerReferences of the template. They count only if it asks for no other
    /// ([`skips_owner_reference`](Self::skips_owner_reference)); else there are none.
    pub fn stated_owners(&self) -> &[Value] {
        if self.skips_owner_reference() { &self.owners } else { &[] }
    }

    /// The type as the template states it, empty if it does not.
    pub fn stated_type(&self) -> &str {
        &self.secret_type
    }

    /// The type that the API server stores: `Opaque` if none is stated.
    pub fn secret_type(&self) -> &str {
        if self.secret_type.is_empty() { "Opaque" } else { &self.secret_type }
    }

    /// Whether the template asks for an immutable Secret. Honoured at creation only (sealed-secrets 6).
    pub fn immutable(&self) -> Option<bool> {
        self.immutable
    }

    /// The items.
    pub fn data(&self) -> &BTreeMap<String, SecretBytes> {
        &self.data
    }

    /// The key that opened each item, also of one that the template takes out of the Secret.
    pub fn keys(&self) -> &BTreeMap<String, Fingerprint> {
        &self.keys
    }

    /// The items that would come out otherwise if the templates were rendered again: random values, times, new keys.
    pub fn varying(&self) -> &BTreeSet<String> {
        &self.varying
    }

    /// Takes `present`, what the Secret holds already, for an item that [varies](Self::varying). No other item can be
    /// changed: what was sealed, and what its templates decide, is as the SealedSecret states it.
    pub fn keep(&mut self, item: &str, present: SecretBytes) {
        if self.varying.contains(item) {
            self.data.insert(item.to_owned(), present);
        }
    }

    /// Whether the template asks to leave ownerReferences alone.
    pub fn skips_owner_reference(&self) -> bool {
        self.annotations.get(SKIP_OWNER_ANNOTATION).is_some_and(|value| value == "true")
    }
}
