//! `bulla unseal --from-cluster`: the values from the live Secrets, as far as they are known to be what the file seals.
//!
//! The rules are those of [`crate::memory::live`]. Templates of the file are rendered here, on the values that were found; what
//! comes out otherwise at each rendering cannot be known.

use std::collections::BTreeMap;

use bulla_controller::render_templates;
use bulla_core::sealed::{Item, SealedSecret};
use bulla_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::{Options, STYLE, append, default_format, read_sealed};
use crate::io::{Console, Source, read};
use crate::manifest::{self, Parts};
use crate::memory::live::{self, Ask, Live};
use crate::report::{Code, Report, Result};

/// Prints all objects, or none.
pub(super) fn run(options: &Options, ask: &Ask, console: Console) -> Result<()> {
    let mut objects = Vec::new();
    for source in &options.sources {
        let text = read(source)?;
        let format = options.format.unwrap_or_else(|| default_format(&options.target, &text));
        objects.extend(
            read_sealed(&source.to_string(), &text)?.into_iter().map(|(place, sealed)| (place, format, sealed)),
        );
    }
    let names: Vec<(&str, &str)> =
        objects.iter().map(|(_, _, sealed)| (sealed.namespace.as_str(), sealed.name.as_str())).collect();
    let first = options.sources.iter().find_map(|source| match source {
        Source::File(path) => Some(path.as_path()),
        Source::Stdin => None,
    });
    let found = live::fetch(ask, first, &names)?;

    let mut output = Zeroizing::new(String::new());
    let mut unknown = 0;
    for ((place, format, sealed), live) in objects.iter().zip(&found) {
        match data(sealed, live) {
            Ok(data) => append(&mut output, &format.write(&manifest::secret_of(&parts(sealed, &data), STYLE))),
            Err(reasons) => {
                unknown += 1;
                let object = crate::update::shown_object(&sealed.namespace, &sealed.name);
                for (key, why) in reasons {
                    let key: String = key.chars().take(63).flat_map(char::escape_debug).collect();
                    console.item(&format!("{place}: {object}: {key}: {why}"));
                }
            }
        }
    }
    if unknown > 0 {
        return Err(Report::new(
            Code::NotKnown,
            format!("{unknown} of {} SealedSecrets are not known from the cluster; nothing was printed", objects.len()),
        )
        .hint(
            "apply the file and wait until it is Synced: kubectl get sealedsecrets -A\n\
             or unseal it with private keys: bulla unseal --key KEYS FILE",
        ));
    }
    options.target.write(output.as_bytes())
}

/// All values, or why which ones are not known.
fn data(
    sealed: &SealedSecret,
    live: &Live,
) -> std::result::Result<BTreeMap<String, SecretBytes>, BTreeMap<String, String>> {
    let (mut data, mut reasons) = (BTreeMap::new(), BTreeMap::new());
    if sealed.deprecated_data.is_some() {
        reasons.insert("spec.data".to_owned(), "the deprecated form cannot be compared".to_owned());
    }
    for (key, item) in &sealed.items {
        let value = match item {
            _ if sealed.template.data.contains_key(key) => Err("the key is templated".to_owned()),
            Item::Sealed(text) => live.value(key, text),
            Item::NotAString(kind) => Err(format!("it is {kind}, no ciphertext")),
        };
        match value {
            Ok(value) => _ = data.insert(key.clone(), SecretBytes::new(value.expose().to_vec())),
            Err(why) => _ = reasons.insert(key.clone(), why),
        }
    }
    // Without the values there is nothing to render.
    if !reasons.is_empty() {
        return Err(reasons);
    }
    if sealed.template.data.values().any(Option::is_some) {
        let items = data.iter().map(|(key, value)| (key.clone(), value.expose())).collect();
        match render_templates(&sealed.template.data, &items) {
            Ok(rendered) => {
                let varies = "its template comes out otherwise each time".to_owned();
                reasons.extend(rendered.varying.into_iter().map(|key| (key, varies.clone())));
                data.extend(rendered.outputs);
            }
            Err(error) => reasons.extend(error.errors),
        }
    }
    if reasons.is_empty() { Ok(data) } else { Err(reasons) }
}

fn parts<'a>(sealed: &'a SealedSecret, data: &'a BTreeMap<String, SecretBytes>) -> Parts<'a> {
    let template = &sealed.template;
    Parts {
        name: &sealed.name,
        namespace: &sealed.namespace,
        labels: &template.labels,
        annotations: &template.annotations,
        immutable: template.immutable,
        data,
        stated_type: template.secret_type.as_deref().unwrap_or_default(),
        owned: false,
    }
}
