//! `bulla unseal`: SealedSecrets in, plain Secrets out, with private keys at hand and without a cluster; or, as far as it
//! knows them, from the cluster (`from_cluster`).
//!
//! Nothing is printed unless every value of every document opens and every template renders; what does not is explained item
//! by item.

mod from_cluster;

use bulla_controller::render_templates;
use bulla_core::sealed::{
    FailureClass, KeyRing, ObjectHints, SealedSecret, UnsealError, UnsealOptions, UnsealedSecret, read_key_backup,
    unseal,
};
use bulla_yaml::Limits;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::io::{Console, Source, Target, input, read};
use crate::manifest::{self, Format, SecretStyle};
use crate::memory::live::Ask;
use crate::report::{Code, Report, Result, bad_key_file, bad_manifest};

/// What to unseal, and with what.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where the SealedSecrets are.
    pub(crate) sources: Vec<Source>,
    /// Private keys, or backups of key Secrets.
    pub(crate) keys: Vec<Source>,
    /// The cluster that is asked instead.
    pub(crate) cluster: Option<Ask>,
    /// The format; else that of the target's name, else that of the input.
    pub(crate) format: Option<Format>,
    /// Where the result goes.
    pub(crate) target: Target,
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    if crate::sops::files::unseal::run(options, console)? {
        return Ok(());
    }
    if let Some(ask) = &options.cluster {
        return from_cluster::run(options, ask, console);
    }
    if options.keys.is_empty() {
        return Err(Report::new(Code::NoKeyGiven, "no private key is given to unseal with").hint(
            "name a key or a backup: bulla unseal --key keys.yaml FILE\n\
             or read what the cluster made of it: bulla unseal --from-cluster FILE\n\
             who may read the cluster's keys makes a backup with: kubectl get secret -n kube-system \
             -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml > keys.yaml",
        ));
    }
    input::refuse_stdin_twice(options.sources.iter().chain(&options.keys))?;
    let ring = load_keys(&options.keys, console)?;

    let mut output = Zeroizing::new(String::new());
    let (mut objects, mut failed) = (0, Vec::new());
    for source in &options.sources {
        let text = read(source)?;
        let format = options.format.unwrap_or_else(|| default_format(&options.target, &text));
        for (place, sealed) in read_sealed(&source.to_string(), &text)? {
            objects += 1;
            match open(&sealed, &ring) {
                Ok(secret) => append(&mut output, &format.write(&manifest::secret(&secret, STYLE))),
                Err(error) => {
                    failed.push(code(&error));
                    explain(&place, &sealed, &error, console);
                }
            }
        }
    }
    match failed.as_slice() {
        [] => options.target.write(output.as_bytes()),
        [first, ..] => Err(Report::new(
            *first,
            format!("{} of {objects} SealedSecrets cannot be unsealed; nothing was printed", failed.len()),
        )
        .hint(hint(*first))),
    }
}

const STYLE: SecretStyle<'static> = SecretStyle { owner: None, empty_is_null: false };

/// Grows by copying into a new buffer, so that the old one is cleared.
fn append(output: &mut Zeroizing<String>, text: &str) {
    if output.capacity() - output.len() < text.len() {
        let mut larger = Zeroizing::new(String::with_capacity((output.len() + text.len()) * 2));
        larger.push_str(output);
        *output = larger;
    }
    output.push_str(text);
}

fn default_format(target: &Target, text: &[u8]) -> Format {
    let by_name = match target {
        Target::File(path) => Format::of_name(path),
        Target::Stdout => None,
    };
    by_name.unwrap_or_else(|| Format::of_text(text))
}

/// All keys of all files. What a file holds beside usable keys is told, because it may have been meant.
pub(crate) fn load_keys(sources: &[Source], console: Console) -> Result<KeyRing> {
    let mut keys = Vec::new();
    for source in sources {
        let name = source.to_string();
        let text = read(source)?;
        let report = read_key_backup(&text).map_err(|error| bad_key_file(&name, &error))?;
        for skipped in &report.skipped {
            console.warn(&format!("{name}: {} is skipped: {}", skipped.name.escape_debug(), skipped.error));
        }
        if report.keys.is_empty() {
            return Err(bad_key_file(&name, &bulla_core::Error::NoPrivateKey));
        }
        keys.extend(report.keys);
    }
    Ok(KeyRing::new(keys))
}

/// The SealedSecrets of an input with the place of each, as messages show it.
fn read_sealed(source: &str, text: &[u8]) -> Result<Vec<(String, SealedSecret)>> {
    let documents =
        bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| bad_manifest(source, &error))?;
    let mut sealed = Vec::new();
    for document in &documents {
        let place = format!("{source}: {}", document.root.span.position);
        let json = document.root.to_json().map_err(|error| bad_manifest(source, &error))?;
        for object in manifest::list_items(json) {
            sealed.push((place.clone(), read_object(&place, &object)?));
        }
    }
    if sealed.is_empty() {
        return Err(Report::new(Code::NothingThere, format!("{source}: there is no SealedSecret in it"))
            .hint("name a file with SealedSecrets, in YAML or JSON"));
    }
    Ok(sealed)
}

fn read_object(place: &str, object: &Value) -> Result<SealedSecret> {
    let report = |message: String| Report::new(Code::NotASealedSecret, message);
    if object.get("kind").is_none() && object.get("spec").is_none() {
        return Err(report(format!("{place}: not a SealedSecret: it has neither kind nor spec"))
            .hint("a value on its own (from --raw) is not enough: name, namespace and scope decide whether it opens"));
    }
    SealedSecret::from_json(object)
        .map_err(|error| report(format!("{place}: {error}")).hint("name a file with SealedSecrets only"))
}

fn open(sealed: &SealedSecret, ring: &KeyRing) -> std::result::Result<UnsealedSecret, UnsealError> {
    let mut hints = ObjectHints::new(&sealed.namespace, sealed.created, None);
    unseal(sealed, ring, &mut hints, UnsealOptions::default(), &render_templates)
}

fn code(error: &UnsealError) -> Code {
    match error {
        UnsealError::Items(_) => Code::DoesNotOpen,
        UnsealError::Templates(_) => Code::TemplateFails,
        _ => Code::DeprecatedData,
    }
}

fn hint(code: Code) -> &'static str {
    match code {
        Code::TemplateFails => {
            "correct the templates in spec.template.data that the lines above name; docs/templates.md has the language \
             and its limits"
        }
        Code::DeprecatedData => "seal the plain Secret again; new SealedSecrets use spec.encryptedData",
        _ => {
            "the lines above say why; give the keys of the cluster that it was sealed for, and undo changes of \
             metadata.name, metadata.namespace and the scope annotations"
        }
    }
}

fn explain(place: &str, sealed: &SealedSecret, error: &UnsealError, console: Console) {
    let object = format!("{}/{}", sealed.namespace, sealed.name);
    let object = object.escape_debug();
    match error {
        UnsealError::Items(items) => {
            for explanation in items.explanations(usize::MAX) {
                console.item(&format!("{place}: {object}: {explanation}"));
            }
            let mangled = |class| matches!(class, FailureClass::Malformed);
            if items.iter().any(|(_, failure)| mangled(failure.class())) {
                console
                    .item(&format!("{place}: {object}: a value was mangled on its way: compare with the file in Git"));
            }
        }
        UnsealError::Templates(templates) => {
            for error in templates.errors.values() {
                console.item(&format!("{place}: {object}: {error}"));
            }
        }
        other => console.item(&format!("{place}: {object}: {other}")),
    }
}
