//! `bulla set`: new values for keys of a SealedSecret, sealed for the place that the SealedSecret itself states.

use bulla_core::go_base64;
use bulla_core::sealed::{Place, Scope, seal_value};
use bulla_yaml::{Out, Splices};

use super::value::{self, From, Given};
use super::{Which, file, template};
use crate::cert::{self, CertificateChoice};
use crate::io::Console;
use crate::report::{Code, Report, Result, bad_splice, chain};
use crate::tree::{Sealed, SealedFile};

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
    /// The certificate to seal with.
    pub(crate) certificate: CertificateChoice,
    /// For a SealedSecret that names none.
    pub(crate) namespace: Option<String>,
}

/// Runs the command.
pub(crate) fn run(options: Options, console: Console) -> Result<()> {
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
    let certificate = cert::choose_for(&options.certificate, Some(&file.path), console)?.certificate;

    let mut items = Vec::new();
    for given in options.keys {
        let value = match given.value {
            Some(value) => value,
            None => value::take(&given.key, &options.from, options.trim_newline, console)?,
        };
        value::check(&given.key, &value, console)?;
        let sealed = seal_value(value.expose(), &certificate, place.scope, place.namespace, place.name)
            .map_err(|error| Report::new(Code::Internal, chain(&error)))?;
        items.push((given.key, go_base64::encode(&sealed)));
    }
    file::write(&file, splices(&file, &sealed, &items)?)?;

    for (key, _) in &items {
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
fn splices<'a>(file: &'a SealedFile, sealed: &Sealed<'_>, items: &[(String, String)]) -> Result<Splices<'a>> {
    let mut splices = Splices::new(&file.text);
    let refused = |error| bad_splice(&file.name(), &error);
    let root = sealed.object.node;
    let new = |(key, text): &(String, String)| (key.clone().into(), Out::from(text.clone()));
    if let Some(data) = sealed.data() {
        for (key, text) in items {
            match data.get(key) {
                Some(node) => splices.set_text(node, text),
                None => splices.insert(data, key, &Out::from(text.as_str())),
            }
            .map_err(refused)?;
        }
        return Ok(splices);
    }
    let data = || Out::Mapping(items.iter().map(new).collect());
    match root.get("spec") {
        Some(spec) => splices.insert(spec, "encryptedData", &data()),
        None => splices.insert(root, "spec", &Out::Mapping(vec![("encryptedData".into(), data())])),
    }
    .map_err(refused)?;
    Ok(splices)
}
