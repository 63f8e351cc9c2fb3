//! From wishes to the new text of the file.

use bulla_core::go_base64;
use bulla_core::sealed::{SealingCertificate, seal_value};
use bulla_yaml::{SpliceError, Splices};
use zeroize::Zeroizing;

use super::text::{Session, Shown, Wish, Wishes};
use crate::io::Console;
use crate::memory::{Item, Memory};
use crate::report::{Code, Report, Result, bad_splice, chain};
use crate::tree::{Sealed, SealedFile};
use crate::update::{insert_items, shown_object};

/// The new text; none if it is the old one.
pub(super) fn apply(
    file: &SealedFile,
    sealed: &[Sealed<'_>],
    session: &Session,
    wishes: Vec<Wishes>,
    certificate: &SealingCertificate,
    mut memory: Option<&mut Memory>,
    console: Console,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut splices = Splices::new(&file.text);
    for ((sealed, subject), wishes) in sealed.iter().zip(&session.subjects).zip(wishes) {
        let object = shown_object(sealed.namespace, sealed.name);
        let refused = |error: SpliceError| bad_splice(&file.name(), &error);
        let text_of = |index: usize| sealed.items.get(index).and_then(|item| item.text()).unwrap_or_default();
        let map = sealed.object.node.at(&["spec", "encryptedData"]);
        let mut said = Vec::new();
        let mut added = Vec::new();
        for item in &sealed.items {
            if !wishes.contains_key(item.key)
                && let Some(map) = map
            {
                splices.remove(map, item.key).map_err(refused)?;
                said.push(format!("removed: {}", super::shown_key(item.key)));
            }
        }
        for (key, wish) in wishes {
            let present = sealed.items.iter().position(|item| item.key == key);
            let (text, how) = match wish {
                Wish::Ciphertext(index) if present == Some(index) => continue,
                Wish::Ciphertext(index) => (text_of(index).to_owned(), "moved"),
                Wish::Value(value) => {
                    let (namespace, name) = (sealed.namespace, sealed.name);
                    let fingerprint = certificate.fingerprint();
                    let item = Item { fingerprint, scope: sealed.scope, namespace, name, key: &key };
                    if let Some(index) = present {
                        let shown = subject.items.get(index).map(|(_, shown)| shown);
                        let same = matches!(shown, Some(Shown::Plain(old)) if old.expose() == value.expose());
                        let known =
                            memory.as_ref().is_some_and(|memory| memory.knows(&item, text_of(index), value.expose()));
                        if same || known {
                            continue;
                        }
                    }
                    let bytes = seal_value(value.expose(), certificate, sealed.scope, namespace, name)
                        .map_err(|error| Report::new(Code::Internal, chain(&error)))?;
                    let text = go_base64::encode(&bytes);
                    if let Some(memory) = &mut memory {
                        memory.remember(&item, &text, value.expose());
                    }
                    (text, "sealed anew")
                }
            };
            let key_shown = super::shown_key(&key);
            match present {
                Some(index) => {
                    splices.set_text(sealed.items[index].node(), &text).map_err(refused)?;
                    said.push(format!("{how}: {key_shown}"));
                }
                None => {
                    said.push(format!("added: {key_shown}"));
                    added.push((key, text));
                }
            }
        }
        insert_items(sealed.object.node, map, &added, &mut splices).map_err(refused)?;
        if !said.is_empty() {
            console.note(&format!("{}: {object}: {}", file.name(), said.join("; ")));
        }
    }
    if splices.is_empty() {
        return Ok(None);
    }
    let text = splices.apply().map_err(|error| bad_splice(&file.name(), &error))?;
    Ok(Some(text))
}
