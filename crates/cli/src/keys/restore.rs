//! `bulla keys restore` and `bulla keys import`: keys into a cluster, where they open and do not seal.
//!
//! One Secret is written at a time, and a key that is there already is left as it is, so a restore that was killed is finished by
//! the same command. A Secret of somebody else is never written: a key whose name is taken gets another one.

use bulla_core::sealed::{Fingerprint, KeyDocument, begins_in_the_future};
use jiff::Timestamp;

use crate::age::day;
use crate::cluster::block_on;
use crate::io::{Console, Source, input, read};
use crate::keys::cluster::{Created, KeyCluster, Place};
use crate::keys::confirm;
use crate::keys::files::Backups;
use crate::keys::known::Key;
use crate::report::{Code, Report, Result, bad_certificate, bad_key_file};

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) place: Place,
    pub(crate) from: From,
    /// The fingerprints of all of them.
    pub(crate) expect: Vec<Fingerprint>,
    pub(crate) create_namespace: bool,
}

/// Where the keys come from.
#[derive(Debug)]
pub(crate) enum From {
    Backups(Backups),
    /// `keys import`: a certificate and its key, PEM.
    Pair {
        certificate: Source,
        key: Source,
        name: Option<String>,
    },
}

pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    let (keys, verb) = match &options.from {
        From::Backups(backups) => (backups.read(console)?, "restore"),
        From::Pair { certificate, key, name } => (vec![pair(certificate, key, name.as_deref())?], "import"),
    };
    block_on(async {
        let cluster = KeyCluster::connect(&options.place).await?;
        // Before anybody has said yes, nothing is created.
        let missing = match cluster.need_namespace(false).await {
            Err(report) if options.create_namespace && report.code() == Code::NamespaceMissing => true,
            answer => answer.map(|()| false)?,
        };
        let there = cluster.keys(console).await?;
        let now = Timestamp::now();
        for key in &keys {
            console.item(&describe(key, there.iter().find(|known| known.fingerprint == key.fingerprint), now));
        }
        let found: Vec<Fingerprint> = keys.iter().map(|key| key.fingerprint.clone()).collect();
        confirm::expected(&found, &options.expect, verb)?;
        if missing {
            cluster.need_namespace(true).await?;
        }
        let mut written = 0;
        for key in &keys {
            if there.iter().any(|known| known.fingerprint == key.fingerprint) {
                continue;
            }
            let name = write(&cluster, key).await?;
            written += 1;
            console.note(&format!("{} is Secret {}/{name}", key.fingerprint, cluster.namespace));
        }
        console.note(&match (written, keys.len() - written) {
            (0, _) => "every key was there already; nothing was written".to_owned(),
            (written, there) => format!(
                "{written} written, {there} there already. They open what was sealed with them; to let one seal: bulla keys promote {}",
                keys.last().map_or("SHA256:…", |key| key.fingerprint.as_str())
            ),
        });
        Ok(())
    })
}

fn describe(key: &Key, there: Option<&Key>, now: Timestamp) -> String {
    let validity = match key.validity {
        Some((begin, end)) if begins_in_the_future(begin, now) => {
            format!("valid {} to {}, BEGINS IN THE FUTURE: never the newest before that", day(begin), day(end))
        }
        Some((begin, end)) => format!("valid {} to {}", day(begin), day(end)),
        None => "without a certificate of its own: it will never seal".to_owned(),
    };
    let there = match there {
        Some(known) => format!("; there already as {} ({}), left as it is", known.document.name, known.state_word()),
        None => String::new(),
    };
    format!("{}  {} bits, {validity}{there}", key.fingerprint, key.bits)
}

/// Writes a key under its own name, or under one with its fingerprint in it if that is taken.
async fn write(cluster: &KeyCluster, key: &Key) -> Result<String> {
    let short = short(&key.fingerprint);
    let own = Some(key.document.name.as_str()).filter(|name| is_name(name)).unwrap_or("sealed-secrets-key");
    let begin: String = own.chars().take(200).collect();
    let names = [own.to_owned(), format!("{}-{short}", begin.trim_end_matches(['-', '.']))];
    for name in &names {
        match cluster.create(key.document.to_restored(&cluster.namespace, name)).await? {
            Created::Done => return Ok(name.clone()),
            // Another process may have restored the same key a moment ago.
            Created::Taken if cluster.key(name).await?.is_some_and(|there| there.fingerprint == key.fingerprint) => {
                return Ok(name.clone());
            }
            Created::Taken => {}
        }
    }
    Err(Report::new(
        Code::KeyNameTaken,
        format!("{}: other Secrets have the names {} and {}", key.fingerprint, names[0], names[1]),
    )
    .hint("nothing of others is overwritten: rename or delete one of them, then run the same command again"))
}

/// The beginning of the fingerprint's digest in hexadecimal; names hold nothing else of it.
fn short(fingerprint: &Fingerprint) -> String {
    use base64::Engine as _;
    let digest = fingerprint.as_str().trim_start_matches("SHA256:");
    let digest = base64::engine::general_purpose::STANDARD_NO_PAD.decode(digest).unwrap_or_default();
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// What Kubernetes takes as the name of a Secret.
fn is_name(text: &str) -> bool {
    let legal = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, b'-' | b'.');
    let ends = |letter: Option<u8>| letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    text.len() <= 253 && text.bytes().all(legal) && ends(text.bytes().next()) && ends(text.bytes().last())
}

fn pair(certificate: &Source, key: &Source, name: Option<&str>) -> Result<Key> {
    input::refuse_stdin_twice([certificate, key].into_iter())?;
    let (certificate_pem, key_pem) = (read(certificate)?, read(key)?);
    let read = bulla_core::sealed::read_key_secret(&key_pem, &certificate_pem)
        .map_err(|error| bad_key_file(&key.to_string(), &error))?;
    match read.certificate {
        Ok(_) => {}
        Err(bulla_core::Error::KeyPairMismatch) => {
            return Err(Report::new(Code::KeyPair, format!("{certificate}: the certificate does not belong to the key in {key}"))
                .hint("the key's own certificate can be made with: openssl req -x509 -new -key tls.key -out tls.crt -days 3650 -subj /CN=sealed-secret"));
        }
        Err(error) => return Err(bad_certificate(&certificate.to_string(), &error)),
    }
    let name = match name {
        Some(name) if is_name(name) => name.to_owned(),
        Some(name) => {
            return Err(Report::new(Code::Usage, format!("--name: {:?} is no name for a Secret", name))
                .hint("lower-case letters, digits, - and ."));
        }
        None => format!("sealed-secrets-key-{}", short(read.key.fingerprint())),
    };
    Key::look(KeyDocument::from_pair(&name, &key_pem, &certificate_pem))
        .map_err(|error| bad_key_file(&key.to_string(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_kubernetes_takes() {
        for good in ["a", "sealed-secrets-keyabc12", "a.b-c"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a/b", "a b", "..", "a\n", &"a".repeat(254)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
