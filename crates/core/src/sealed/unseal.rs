//! May this ciphertext become this Secret? The one place that answers.
//!
//! [`unseal`] is the only constructor of [`UnsealedSecret`], and a Secret is written from nothing else. Scope, namespace and
//! name come from the SealedSecret's own metadata, never from the template; the ciphertext decides (sealed-secrets 2.1, 4.1).
//! From the template come labels, annotations, type and immutability; finalizers and ownerReferences do not.

use std::collections::BTreeMap;

use crate::go_base64;
use crate::sealed::SKIP_OWNER_ANNOTATION;
use crate::sealed::certificate::Fingerprint;
use crate::sealed::failure::Failure;
use crate::sealed::item_errors::ItemErrors;
use crate::sealed::key_ring::{KeyRing, ObjectHints};
use crate::sealed::object::{Item, SealedSecret};
use crate::sealed::plain::PlainSecret;
use crate::sealed::scope::Scope;
use crate::secret::SecretBytes;

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
    secret_type: String,
    immutable: Option<bool>,
    data: BTreeMap<String, SecretBytes>,
    keys: BTreeMap<String, Fingerprint>,
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
    /// `spec.template.data` is used, which is not rendered yet.
    #[error("spec.template.data is not rendered by this version ({})", .keys.join(", "))]
    TemplateData {
        /// The keys of `spec.template.data`.
        keys: Vec<String>,
    },
}

/// Opens every item of `sealed` with the keys of `ring`.
///
/// # Errors
/// [`UnsealError`]; with [`UnsealError::Items`] every item that does not open is named with its cause.
pub fn unseal(
    sealed: &SealedSecret,
    ring: &KeyRing,
    hints: &mut ObjectHints,
    options: UnsealOptions,
) -> Result<UnsealedSecret, UnsealError> {
    if let Some(data) = &sealed.deprecated_data {
        if !options.accept_deprecated_data {
            return Err(UnsealError::DeprecatedDataOff);
        }
        if !sealed.items.is_empty() {
            return Err(UnsealError::BothDataFields);
        }
        return unseal_deprecated(sealed, data, ring, hints, options);
    }
    if !sealed.template.data.is_empty() {
        return Err(UnsealError::TemplateData { keys: sealed.template.data.keys().cloned().collect() });
    }

    let mut data = BTreeMap::new();
    let mut keys = BTreeMap::new();
    let mut errors = ItemErrors::default();
    let mut diagnose = options.diagnose;
    for (name, item) in &sealed.items {
        match open_item(sealed, item, ring, hints, &mut diagnose) {
            Ok((plaintext, key)) => {
                data.insert(name.clone(), plaintext);
                keys.insert(name.clone(), key);
            }
            Err(failure) => errors.insert(name, failure),
        }
    }
    if !errors.is_empty() {
        return Err(UnsealError::Items(errors));
    }
    Ok(UnsealedSecret {
        name: sealed.name.clone(),
        namespace: sealed.namespace.clone(),
        labels: sealed.template.labels.clone(),
        annotations: sealed.template.annotations.clone(),
        secret_type: sealed.template.secret_type.clone().unwrap_or_default(),
        immutable: sealed.template.immutable,
        data,
        keys,
    })
}

/// One item. `diagnose` is spent by the first item that no key opens.
fn open_item(
    sealed: &SealedSecret,
    item: &Item,
    ring: &KeyRing,
    hints: &mut ObjectHints,
    diagnose: &mut bool,
) -> Result<(SecretBytes, Fingerprint), Failure> {
    let text = match item {
        Item::Sealed(text) => text,
        Item::NotAString(found) => return Err(Failure::NotAString { found }),
    };
    let bytes = go_base64::decode(text).map_err(Failure::Base64)?;
    let place = (sealed.scope(), sealed.namespace.as_str(), sealed.name.as_str());
    match ring.open(&bytes, place, hints) {
        Ok(opened) => Ok((opened.plaintext, opened.key)),
        Err(failure @ Failure::NoKey { .. }) if std::mem::take(diagnose) => {
            Err(ring.diagnose(&bytes, &other_places(sealed), failure))
        }
        Err(failure) => Err(failure),
    }
}

/// Where else the value may have been sealed for: the other scopes, and the name and namespace of the template.
fn other_places(sealed: &SealedSecret) -> Vec<(Scope, &str, &str)> {
    let (own, template) = ((&*sealed.namespace, &*sealed.name), (&*sealed.template.namespace, &*sealed.template.name));
    let mut places =
        vec![(Scope::Strict, own.0, own.1), (Scope::NamespaceWide, own.0, ""), (Scope::ClusterWide, "", "")];
    for (namespace, name) in [(template.0, template.1), (own.0, template.1), (template.0, own.1)] {
        if !namespace.is_empty() && !name.is_empty() {
            places.push((Scope::Strict, namespace, name));
        }
    }
    if !template.0.is_empty() {
        places.push((Scope::NamespaceWide, template.0, ""));
    }
    let present = sealed.scope().label(own.0, own.1);
    places.retain(|(scope, namespace, name)| scope.label(namespace, name) != present);
    places
}

/// `spec.data`: one sealed value that holds the JSON of a whole Secret (sealed-secrets 4.3).
fn unseal_deprecated(
    sealed: &SealedSecret,
    data: &str,
    ring: &KeyRing,
    hints: &mut ObjectHints,
    options: UnsealOptions,
) -> Result<UnsealedSecret, UnsealError> {
    const ITEM: &str = "data";
    let item = Item::Sealed(data.into());
    let (document, key) = open_item(sealed, &item, ring, hints, &mut options.diagnose.clone()).map_err(|failure| {
        let mut errors = ItemErrors::default();
        errors.insert(ITEM, failure);
        UnsealError::Items(errors)
    })?;
    let documents = bulla_yaml::read_manifests(document.expose(), &bulla_yaml::Limits::default())
        .map_err(|_| UnsealError::DeprecatedDataMalformed)?;
    let [document] = documents.as_slice() else { return Err(UnsealError::DeprecatedDataMalformed) };
    let secret = PlainSecret::from_node(&document.root).map_err(|_| UnsealError::DeprecatedDataMalformed)?;
    let keys = secret.data.keys().map(|name| (name.clone(), key.clone())).collect();
    Ok(UnsealedSecret {
        name: sealed.name.clone(),
        namespace: sealed.namespace.clone(),
        labels: secret.labels,
        annotations: secret.annotations,
        secret_type: secret.secret_type.unwrap_or_default(),
        immutable: secret.immutable,
        data: secret.data,
        keys,
    })
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

    /// The key that opened each item.
    pub fn keys(&self) -> &BTreeMap<String, Fingerprint> {
        &self.keys
    }

    /// Whether the template asks to leave ownerReferences alone.
    pub fn skips_owner_reference(&self) -> bool {
        self.annotations.get(SKIP_OWNER_ANNOTATION).is_some_and(|value| value == "true")
    }
}
