//! `bulla set`: new values for keys of a SealedSecret, sealed for the place that the SealedSecret itself states.

use bulla_core::go_base64;
use bulla_core::sealed::{Place, Scope, seal_value};
use bulla_yaml::Splices;

use super::value::{self, From, Given};
use super::{Which, file, template};
use crate::cert::{self, CertificateChoice};
use crate::io::Console;
use crate::memory::{Item, Memory};
use crate::report::{Code, Report, Result, bad_splice, chain};
use crate::sops::files::change as sops;
use crate::tree::{Sealed, SealedFile};
use crate::update::insert_items;

/// What to set, and with what.
#[derive(Debug)]
pub(crate) struct Options {
    /// Which SealedSecret.
    pub(crate) which: Which,
    /// The keys.
    pub(crate) keys: Vec<Given>,
    /// Where values come from that the command line does not have.
    pub(crate) from: From,
    /// Whether one line break at the end is left out.
    pub(crate) trim_newline: bool,
    /// Whether values are JSON (sops files).
    pub(crate) json: bool,
    /// The certificate to seal with.
    pub(crate) certificate: CertificateChoice,
    /// For a SealedSecret that names none.
    pub(crate) namespace: Option<String>,
}

/// Runs the command.
pub(crate) fn run(options: Options, console: Console) -> Result<()> {
    let Some(options) = sops::set(options, console)? else { return Ok(()) };
    if options.json {
        return Err(Report::new(Code::Usage, "--json is for sops files: in a Secret every value is text")
            .hint("leave the flag out"));
    }
    for given in &options.keys {
        file::check_key_name(&given.key)?;
        value::refuse_without_terminal(&given.key, &options.from)?;
    }
    file::refuse_stdin_twice(options.from == From::Stdin, &options.certificate)?;
    // Everything that can be wrong is found out before anybody is asked for a value.
    let file = file::open(&options.which, console)?;
    let sealed = file::pick(&file, &options.which)?;
    file::refuse_deprecated(&file, &sealed)?;
    let place = place(&file, &sealed, options.namespace.as_deref())?;
    let mut memory = Memory::open(&file.path)?;
    let certificate = cert::choose_for(&options.certificate, Some(&file.path), console)?.certificate;

    let mut items = Vec::new();
    for given in options.keys {
        let value = match given.value {
            Some(value) => value,
            None => value::take(&given.key, &options.from, options.trim_newline, console)?,
        };
        value::check(&given.key, &value, console)?;
        let Place { scope, namespace, name } = place;
        let bytes = seal_value(value.expose(), &certificate, scope, namespace, name)
            .map_err(|error| Report::new(Code::Internal, chain(&error)))?;
        let text = go_base64::encode(&bytes);
        if let Some(memory) = &mut memory {
            let item = Item { fingerprint: certificate.fingerprint(), scope, namespace, name, key: &given.key };
            memory.remember(&item, &text, value.expose());
        }
        items.push((given.key, text));
    }
    let keys: Vec<String> = items.iter().map(|(key, _)| key.clone()).collect();
    file::write(&file, splices(&file, &sealed, items)?)?;
    if let Some(memory) = memory {
        memory.save(console);
    }

    for key in &keys {
        console.note(&format!("{}: {}: {key} is set ({})", file.name(), sealed.id(), place.scope));
        if let Some(warning) = template::about_new_key(&sealed, key) {
            console.warn(&format!("{}: {}: {warning}", file.name(), sealed.id()));
        }
    }
    Ok(())
}

/// What the values will be bound to.
fn place<'a>(file: &SealedFile, sealed: &Sealed<'a>, namespace: Option<&'a str>) -> Result<Place<'a>> {
    let at = format!("{}: {}", file.name(), sealed.id());
    let mut place = sealed.place();
    match namespace {
        Some(namespace) if place.namespace.is_empty() => place.namespace = namespace,
        Some(namespace) if namespace != place.namespace => {
            return Err(Report::new(
                Code::OtherNamespace,
                format!("{at}: the SealedSecret is for another namespace than {namespace:?}"),
            )
            .hint("leave the flag out: the file says where its values belong"));
        }
        _ => {}
    }
    if place.namespace.is_empty() && place.scope != Scope::ClusterWide {
        return Err(Report::new(
            Code::NoNamespace,
            format!("{at}: there is no metadata.namespace, which {} scope needs", place.scope),
        )
        .hint("write one into the manifest, or give it: --namespace NAMESPACE"));
    }
    if place.name.is_empty() && place.scope == Scope::Strict {
        return Err(Report::new(Code::NoName, format!("{at}: there is no metadata.name, which strict scope needs"))
            .hint("write one into the manifest"));
    }
    Ok(place)
}

/// The values that are there are replaced, the others come behind the last one.
fn splices<'a>(file: &'a SealedFile, sealed: &Sealed<'_>, items: Vec<(String, String)>) -> Result<Splices<'a>> {
    let mut splices = Splices::new(&file.text);
    let mut added = Vec::new();
    let refused = |error| bad_splice(&file.name(), &error);
    for (key, text) in items {
        match sealed.data().and_then(|data| data.get(&key)) {
            Some(node) => splices.set_text(node, &text).map_err(refused)?,
            None => added.push((key, text)),
        }
    }
    insert_items(sealed.object.node, sealed.data(), &added, &mut splices).map_err(refused)?;
    Ok(splices)
}
