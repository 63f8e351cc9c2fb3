//! The first step: every item is decrypted. Costs RSA operations.

use std::collections::{BTreeMap, BTreeSet};

use super::{UnsealError, UnsealOptions, UnsealedSecret};
use crate::go_base64;
use crate::sealed::certificate::Fingerprint;
use crate::sealed::failure::Failure;
use crate::sealed::item_errors::ItemErrors;
use crate::sealed::key_ring::{KeyRing, ObjectHints};
use crate::sealed::object::{Item, SealedSecret};
use crate::sealed::plain::PlainSecret;
use crate::sealed::scope::Scope;
use crate::secret::SecretBytes;

/// An object whose items are open and whose templates have not run: not a Secret yet, and nothing can be read from it.
pub struct OpenedSecret {
    /// Without what the templates make.
    pub(super) secret: UnsealedSecret,
    /// `spec.template.data`.
    pub(super) templates: BTreeMap<String, Option<String>>,
}

/// Opens every item of `sealed` with the keys of `ring`.
///
/// # Errors
/// [`UnsealError`], but for [`UnsealError::Templates`].
pub fn open(
    sealed: &SealedSecret,
    ring: &KeyRing,
    hints: &mut ObjectHints,
    options: UnsealOptions,
) -> Result<OpenedSecret, UnsealError> {
    if let Some(data) = &sealed.deprecated_data {
        if !options.accept_deprecated_data {
            return Err(UnsealError::DeprecatedDataOff);
        }
        if !sealed.items.is_empty() {
            return Err(UnsealError::BothDataFields);
        }
        return open_deprecated(sealed, data, ring, hints, options);
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
    let secret = UnsealedSecret {
        name: sealed.name.clone(),
        namespace: sealed.namespace.clone(),
        labels: sealed.template.labels.clone(),
        annotations: sealed.template.annotations.clone(),
        owners: sealed.template.owners.clone(),
        secret_type: sealed.template.secret_type.clone().unwrap_or_default(),
        immutable: sealed.template.immutable,
        data,
        keys,
        varying: BTreeSet::new(),
    };
    Ok(OpenedSecret { secret, templates: sealed.template.data.clone() })
}

/// `spec.data`: one sealed value that holds the JSON of a whole Secret (sealed-secrets 4.3). It states everything, so the
/// template is not looked at.
fn open_deprecated(
    sealed: &SealedSecret,
    data: &str,
    ring: &KeyRing,
    hints: &mut ObjectHints,
    options: UnsealOptions,
) -> Result<OpenedSecret, UnsealError> {
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
    let secret = UnsealedSecret {
        name: sealed.name.clone(),
        namespace: sealed.namespace.clone(),
        labels: secret.labels,
        annotations: secret.annotations,
        owners: Vec::new(),
        secret_type: secret.secret_type.unwrap_or_default(),
        immutable: secret.immutable,
        data: secret.data,
        keys,
        varying: BTreeSet::new(),
    };
    Ok(OpenedSecret { secret, templates: BTreeMap::new() })
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
