//! `bulla seal --update FILE`: plain Secrets into a file that is sealed already, so that the diff shows what has changed.
//!
//! A value that is known to be the same keeps its bytes: known by this machine's memory, or, if it may be asked, by the
//! cluster ([`crate::memory`]). What is not known to be the same is sealed anew. Everything else of the file, comments and other
//! documents included, stays as it is, because the edits are splices.
//!
//! Which way the data goes: [`Update::open`] reads the file, [`Update::finish`] takes the Secrets; `object` decides about the
//! values of one object (pure but for sealing), `template` about its labels, annotations and type.

mod object;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bulla_core::sealed::{Fingerprint, PlainSecret, Scope, SealingCertificate};
use bulla_yaml::Splices;
use zeroize::Zeroizing;

pub(crate) use self::object::insert_items;
use self::object::{Changes, Known};
use crate::io::Console;
use crate::manifest::{self, Format};
use crate::memory::live::{self, Ask, Live};
use crate::memory::{self, Item, Memory};
use crate::report::{Code, Report, Result, bad_splice};
use crate::tree::{Sealed, SealedFile};

/// What to bring up to date, and whom to ask.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The sealed file.
    pub(crate) file: PathBuf,
    /// The cluster that may be asked for values.
    pub(crate) cluster: Option<Ask>,
}

/// A sealed file that is being brought up to date.
pub(crate) struct Update<'a> {
    options: &'a Options,
    file: SealedFile,
}

impl<'a> Update<'a> {
    /// Reads the file; one that is not there has no documents yet.
    pub(crate) fn open(options: &'a Options) -> Result<Self> {
        let file = match options.file.try_exists() {
            Ok(false) => SealedFile::parse(&options.file, Zeroizing::new(Vec::new()))?,
            _ => crate::tree::read(&options.file)?,
        };
        sealed_objects(&file)?;
        Ok(Self { options, file })
    }

    /// The scope that the file's object states: sealing again does not change it unless somebody says so.
    pub(crate) fn scope_of(&self, namespace: &str, name: &str) -> Option<Scope> {
        let sealed = self.sealed();
        Some(find(&sealed, namespace, name)?.scope)
    }

    /// Seals `secrets`, whose name, namespace and scope are settled, into the file.
    pub(crate) fn finish(
        self,
        secrets: &[&PlainSecret],
        certificate: &SealingCertificate,
        format: Option<Format>,
        console: Console,
    ) -> Result<()> {
        let fingerprint = certificate.fingerprint();
        let mut memory = Memory::open(&self.file.path)?;
        if memory.is_none() && self.options.cluster.is_none() {
            console.note(memory::why_none(&self.file.path));
        }
        let mut seen = BTreeSet::new();
        for secret in secrets {
            if !seen.insert((&secret.namespace, &secret.name)) {
                let object = shown_object(&secret.namespace, &secret.name);
                return Err(Report::new(Code::SealedTwice, format!("the input has the Secret {object} twice"))
                    .hint("one of the two would be lost; leave out the one that is not meant"));
            }
        }
        let sealed = self.sealed();
        let pairs: Vec<_> =
            secrets.iter().map(|secret| (*secret, find(&sealed, &secret.namespace, &secret.name))).collect();
        let mut live = self.ask(&pairs, memory.as_ref(), certificate)?;

        let mut splices = Splices::new(&self.file.text);
        let mut appended = Zeroizing::new(String::new());
        let mut facts = Vec::new();
        for (secret, existing) in &pairs {
            let Some(existing) = existing else {
                let object = crate::seal::seal(secret, certificate)?;
                for (key, value) in &secret.data {
                    let text = object["spec"]["encryptedData"][key].as_str().unwrap_or_default().to_owned();
                    facts.push((*secret, key.clone(), text, value));
                }
                appended.push_str(&self.format(format).write(&manifest::sealed_secret(&object)));
                let object = shown_object(&secret.namespace, &secret.name);
                console.note(&format!("{}: {object} is new in it", self.file.name()));
                continue;
            };
            if existing.deprecated.is_some() {
                return Err(deprecated(&self.file, existing));
            }
            let live = live.remove(&(secret.namespace.as_str(), secret.name.as_str()));
            let known = |key: &str, ciphertext: &str, plaintext: &[u8]| {
                if memory
                    .as_ref()
                    .is_some_and(|memory| memory.knows(&item(secret, fingerprint, key), ciphertext, plaintext))
                {
                    return Known::Here;
                }
                let Some(live) = &live else { return Known::No };
                let same = live.value(key, ciphertext).is_ok_and(|value| value.expose() == plaintext);
                match live.opened_by(key) {
                    _ if !same => Known::No,
                    Some(opened_by) if opened_by == fingerprint => Known::ThereBy(true),
                    Some(_) => Known::No,
                    None => Known::ThereBy(false),
                }
            };
            let mut changes = Changes::default();
            object::plan(existing, secret, certificate, known, &mut splices, &mut changes)
                .and_then(|()| template::plan(existing, secret, &mut splices, &mut changes))
                .map_err(|error| bad_splice(&self.file.name(), &error))?;
            for (key, text) in std::mem::take(&mut changes.facts) {
                let Some(value) = secret.data.get(&key) else { continue };
                facts.push((*secret, key, text, value));
            }
            for line in changes.lines() {
                console.note(&format!(
                    "{}: {}: {line}",
                    self.file.name(),
                    shown_object(&secret.namespace, &secret.name)
                ));
            }
        }

        let unchanged = splices.is_empty() && appended.is_empty();
        if !unchanged {
            let mut text = splices.apply().map_err(|error| bad_splice(&self.file.name(), &error))?;
            if !appended.is_empty() {
                text = self.append(text, &appended)?;
            }
            self.file.replace(&text)?;
        }
        if let Some(memory) = &mut memory {
            for (secret, key, text, value) in facts {
                let item = item(secret, fingerprint, &key);
                if !memory.knows(&item, &text, value.expose()) {
                    memory.remember(&item, &text, value.expose());
                }
            }
        }
        if let Some(memory) = memory {
            memory.save(console);
        }
        if unchanged {
            console.note(&format!("{}: nothing has changed, so nothing was written", self.file.name()));
        }
        Ok(())
    }

    fn sealed(&self) -> Vec<Sealed<'_>> {
        self.file.objects().iter().filter_map(crate::tree::Object::sealed).collect()
    }

    /// Asks the cluster about the objects of which the memory does not know everything.
    fn ask<'b>(
        &self,
        pairs: &[(&'b PlainSecret, Option<&Sealed<'_>>)],
        memory: Option<&Memory>,
        certificate: &SealingCertificate,
    ) -> Result<BTreeMap<(&'b str, &'b str), Live>> {
        let Some(ask) = &self.options.cluster else { return Ok(BTreeMap::new()) };
        let fingerprint = certificate.fingerprint();
        let mut asked = Vec::new();
        for (secret, existing) in pairs {
            let Some(existing) = existing else { continue };
            let open = existing.items.iter().any(|sealed| {
                let (Some(value), Some(text)) = (secret.data.get(sealed.key), sealed.text()) else { return false };
                let item = item(secret, fingerprint, sealed.key);
                !memory.is_some_and(|memory| memory.knows(&item, text, value.expose()))
            });
            if open && secret.annotated_scope() == existing.scope {
                asked.push((secret.namespace.as_str(), secret.name.as_str()));
            }
        }
        if asked.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(asked.iter().copied().zip(live::fetch(ask, Some(&self.file.path), &asked)?).collect())
    }

    /// The format of documents that are added.
    fn format(&self, asked: Option<Format>) -> Format {
        if self.file.documents.is_empty() {
            asked.or_else(|| Format::of_name(&self.file.path)).unwrap_or(Format::Yaml)
        } else {
            Format::of_text(&self.file.text)
        }
    }

    /// Puts documents behind the text, and makes sure that they read back as documents of their own.
    fn append(&self, mut text: Zeroizing<Vec<u8>>, appended: &str) -> Result<Zeroizing<Vec<u8>>> {
        let mut whole = Zeroizing::new(Vec::with_capacity(text.len() + appended.len() + 1));
        whole.append(&mut text);
        if whole.last().is_some_and(|byte| *byte != b'\n') {
            whole.push(b'\n');
        }
        whole.extend_from_slice(appended.as_bytes());
        let count = |text: &[u8]| {
            bulla_yaml::read_manifests(text, &bulla_yaml::Limits::default()).map(|documents| documents.len()).ok()
        };
        match (count(&whole), count(appended.as_bytes())) {
            (Some(all), Some(new)) if all == self.file.documents.len() + new => Ok(whole),
            _ => Err(Report::new(
                Code::Internal,
                format!("{}: a document cannot be put behind what is in it", self.file.name()),
            )
            .hint("nothing was written; seal it into a file of its own: bulla seal -w NEW-FILE")),
        }
    }
}

/// The deprecated form holds all values in one.
pub(crate) fn deprecated(file: &SealedFile, sealed: &Sealed<'_>) -> Report {
    let object = shown_object(sealed.namespace, sealed.name);
    Report::new(
        Code::DeprecatedData,
        format!("{}: {object}: all its values are one ciphertext in the deprecated spec.data", file.name()),
    )
    .hint("seal the plain Secret again, into a new file; new SealedSecrets use spec.encryptedData")
}

/// The SealedSecrets of a file; none of them stands there twice.
pub(crate) fn sealed_objects(file: &SealedFile) -> Result<Vec<Sealed<'_>>> {
    let sealed: Vec<_> = file.objects().iter().filter_map(crate::tree::Object::sealed).collect();
    let mut seen = BTreeMap::new();
    for sealed in &sealed {
        let place = sealed.object.place();
        if let Some(first) = seen.insert((sealed.namespace, sealed.name), place.clone()) {
            let object = shown_object(sealed.namespace, sealed.name);
            let message = format!("{}: SealedSecret {object} is in it twice ({first} and {place})", file.name());
            return Err(Report::new(Code::SealedTwice, message)
                .hint("kubectl would apply both, the last one wins; remove the one that is not meant"));
        }
    }
    Ok(sealed)
}

fn item<'a>(secret: &'a PlainSecret, fingerprint: &'a Fingerprint, key: &'a str) -> Item<'a> {
    Item { fingerprint, scope: secret.annotated_scope(), namespace: &secret.namespace, name: &secret.name, key }
}

/// The object of this name; one that leaves its namespace to kubectl or kustomize counts as well.
fn find<'a, 'b>(sealed: &'a [Sealed<'b>], namespace: &str, name: &str) -> Option<&'a Sealed<'b>> {
    let exact = sealed.iter().find(|sealed| sealed.name == name && sealed.namespace == namespace);
    exact.or_else(|| sealed.iter().find(|sealed| sealed.name == name && sealed.namespace.is_empty()))
}

/// `shop/db`, as short as names of objects are, and harmless.
pub(crate) fn shown_object(namespace: &str, name: &str) -> String {
    let short = |text: &str| text.chars().take(63).flat_map(char::escape_debug).collect::<String>();
    if namespace.is_empty() { short(name) } else { format!("{}/{}", short(namespace), short(name)) }
}
