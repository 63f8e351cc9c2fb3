//! What each step does, and how it finds out that it happened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bulla_controller::render_templates;
use bulla_core::go_base64;
use bulla_core::sealed::{
    Fingerprint, KEY_ACTIVE, KEY_LABEL, ObjectHints, PlainSecret, SealedSecret, SealingCertificate, UnsealOptions,
    unseal,
};
use bulla_yaml::Limits;
use serde_json::{Value, json};

use super::api::{Api, synced};
use super::stage::{CONTROLLER_NAMESPACE, Folder, Running};
use super::teller::Outcome;
use super::{SAMPLE, broken};
use crate::cert::{CertificateChoice, Given, Wanted, fetch};
use crate::cluster::Choice;
use crate::io::{Console, Source, Target};
use crate::report::{Code, Report, Result};
use crate::serve::controller;
use crate::{seal, unseal as unseal_command};

/// Where the sample lives.
pub(super) const NAMESPACE: &str = "shop";

const QUIET: Console = Console::new(true);

/// The keys before and after the renewal.
pub(super) struct Renewed {
    old: Fingerprint,
    new: Fingerprint,
}

/// Runs a command of this program, which may start a runtime of its own.
async fn command(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Report::new(Code::Internal, format!("run a command: {error}")))?
}

pub(super) async fn fetch_certificate(folder: &Folder, controller: &Running, name: &str) -> Result<Outcome<()>> {
    let options = fetch::Options {
        url: Some(format!("http://{}/v1/cert.pem", controller.http)),
        cluster: Choice::default(),
        controller: Wanted::default(),
        target: Target::File(folder.path(name)),
    };
    command(move || fetch::run(&options, QUIET)).await?;
    let certificate = certificate(folder, name)?;
    Ok(Outcome::new(
        (),
        format!(
            "certificate {}, RSA-{}; it is public: commit it",
            certificate.fingerprint(),
            certificate.modulus_bits()
        ),
    ))
}

fn certificate(folder: &Folder, name: &str) -> Result<SealingCertificate> {
    SealingCertificate::from_pem(&folder.read(name)?).map_err(|error| broken(error.to_string()))
}

pub(super) async fn seal(folder: &Folder, plain: &str, certificate: &str, sealed: &str) -> Result<Outcome<()>> {
    folder.write("sample.yaml", SAMPLE.as_bytes())?;
    run_seal(folder, plain, certificate, sealed).await?;
    let text = folder.read(sealed)?;
    let text = String::from_utf8_lossy(&text);
    for (name, secret) in sample()? {
        for (key, value) in secret.data {
            let plain = String::from_utf8_lossy(value.expose()).into_owned();
            let encoded = go_base64::encode(value.expose());
            if text.contains(&encoded) || (plain.len() > 4 && text.contains(&plain)) {
                return Err(broken(format!("{sealed} shows the value {key} of {name}")));
            }
        }
    }
    let shown = text.split_inclusive("---\n").nth(1).unwrap_or_default();
    Ok(Outcome::new((), "4 Secrets sealed; this is the first, and you could commit it").showing(excerpt(shown)))
}

async fn run_seal(folder: &Folder, plain: &str, certificate: &str, sealed: &str) -> Result<()> {
    let options = seal::Options {
        sources: vec![Source::File(folder.path(plain))],
        certificate: CertificateChoice {
            given: Some(Given::File(Source::File(folder.path(certificate)))),
            ..CertificateChoice::default()
        },
        target: Target::File(folder.path(sealed)),
        ..seal::Options::default()
    };
    command(move || seal::run(&options, QUIET)).await
}

/// Long lines are cut, and the separator is left out.
fn excerpt(text: &str) -> String {
    const WIDTH: usize = 72;
    let lines = text.lines().filter(|line| *line != "---").map(|line| {
        let mut short: String = line.chars().take(WIDTH).collect();
        if short.len() < line.len() {
            short.push('…');
        }
        short + "\n"
    });
    lines.collect()
}

pub(super) async fn apply(folder: &Folder, api: &Api) -> Result<Outcome<()>> {
    api.create(
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
    )
    .await?;
    let objects = manifests(&folder.path("sealed.yaml"))?;
    for object in &objects {
        api.create(&sealed_path(""), object).await?;
    }
    Ok(Outcome::new((), format!("{} SealedSecrets created", objects.len())))
}

pub(super) async fn wait_until_synced(api: &Api) -> Result<Outcome<()>> {
    let names: Vec<String> = sample()?.into_keys().collect();
    for name in &names {
        api.wait(&sealed_path(name), "Synced", |object| matches!(synced(object), Some(("True", ..)))).await?;
    }
    Ok(Outcome::new((), format!("Synced: {}", names.join(", "))))
}

pub(super) async fn read_back(api: &Api) -> Result<Outcome<()>> {
    let (mut values, mut types) = (0, BTreeSet::new());
    for (name, plain) in sample()? {
        let secret = api.read(&secret_path(&name)).await?;
        compare(&name, &plain, &secret)?;
        let owner = &secret["metadata"]["ownerReferences"][0];
        if owner["kind"] != "SealedSecret" || owner["name"] != name.as_str() {
            return Err(broken(format!("Secret {name} is not owned by its SealedSecret")));
        }
        values += plain.data.len();
        types.extend(plain.secret_type);
    }
    let types: Vec<String> = types.into_iter().collect();
    Ok(Outcome::new(
        (),
        format!("{values} values are byte for byte what was sealed, in Secrets of type {}", types.join(", ")),
    ))
}

/// Type and data, byte for byte.
fn compare(name: &str, plain: &PlainSecret, secret: &Value) -> Result<()> {
    if secret["type"].as_str() != plain.secret_type.as_deref() {
        return Err(broken(format!("Secret {name} has another type")));
    }
    let data = secret["data"].as_object().ok_or_else(|| broken(format!("Secret {name} has no data")))?;
    if data.len() != plain.data.len() {
        return Err(broken(format!("Secret {name} has {} values, not {}", data.len(), plain.data.len())));
    }
    for (key, value) in &plain.data {
        let bytes = data.get(key).and_then(Value::as_str).and_then(|text| go_base64::decode(text).ok());
        if bytes.as_deref().map(Vec::as_slice) != Some(value.expose()) {
            return Err(broken(format!("Secret {name}: {key} is not what was sealed")));
        }
    }
    Ok(())
}

pub(super) async fn delete_and_see_it_restored(api: &Api) -> Result<Outcome<()>> {
    let path = secret_path("app");
    let old = api.read(&path).await?["metadata"]["uid"].clone();
    let started = std::time::Instant::now();
    api.delete(&path).await?;
    let restored = api.wait(&path, "restored", |secret| secret["metadata"]["uid"] != old).await?;
    let plain = sample()?.remove("app").ok_or_else(|| broken("the sample has no Secret app"))?;
    compare("app", &plain, &restored)?;
    Ok(Outcome::new((), format!("deleted, and restored {} ms later", started.elapsed().as_millis())))
}

pub(super) async fn rename_and_see_it_refused(folder: &Folder, api: &Api) -> Result<Outcome<()>> {
    let objects = manifests(&folder.path("sealed.yaml"))?;
    let mut stolen = objects
        .into_iter()
        .find(|object| object["metadata"]["name"] == "app")
        .ok_or_else(|| broken("sealed.yaml has no SealedSecret app"))?;
    stolen["metadata"]["name"] = "stolen".into();
    api.create(&sealed_path(""), &stolen).await?;
    let object = api.wait(&sealed_path("stolen"), "refused", |object| synced(object).is_some()).await?;
    let (status, reason, message) = synced(&object).unwrap_or_default();
    if status != "False" || reason != "WrongScope" || message.is_empty() {
        return Err(broken(format!("the renamed SealedSecret is Synced={status}, {reason}: {message}")));
    }
    if api.find(&secret_path("stolen")).await?.is_some() {
        return Err(broken("the renamed SealedSecret became a Secret"));
    }
    let detail = format!("refused, no Secret was made: {reason}: {}", message.replace('\n', "; "));
    api.delete(&sealed_path("stolen")).await?;
    Ok(Outcome::new((), detail))
}

pub(super) async fn renew(running: &Running) -> Result<Outcome<Renewed>> {
    let fingerprint = |pem: Option<String>| {
        let pem = pem.ok_or_else(|| broken("the controller has no certificate"))?;
        let certificate = SealingCertificate::from_pem(pem.as_bytes()).map_err(|error| broken(error.to_string()))?;
        Ok::<_, Report>(certificate.fingerprint().clone())
    };
    let old = fingerprint(running.handle.certificate_pem())?;
    let new = running.handle.renew_key().await.map_err(|error| controller::report(&error))?;
    if old == new || fingerprint(running.handle.certificate_pem())? != new {
        return Err(broken("the controller does not serve the new certificate"));
    }
    let detail = format!("new sealing key {new}; the old one stays for what was sealed with it");
    Ok(Outcome::new(Renewed { old, new }, detail))
}

pub(super) async fn back_up_keys(folder: &Folder, api: &Api) -> Result<Outcome<()>> {
    let path = format!("/api/v1/namespaces/{CONTROLLER_NAMESPACE}/secrets?labelSelector={KEY_LABEL}%3D{KEY_ACTIVE}");
    let list = api.read(&path).await?;
    folder.write("keys.json", list.to_string().as_bytes())?;
    let keys = list["items"].as_array().map_or(0, Vec::len);
    if keys != 2 {
        return Err(broken(format!("there are {keys} key Secrets, not 2")));
    }
    Ok(Outcome::new((), "2 keys saved; whoever has this file can open everything"))
}

pub(super) async fn reseal(folder: &Folder, keys: Renewed) -> Result<Outcome<()>> {
    let options = unseal_command::Options {
        sources: vec![Source::File(folder.path("sealed.yaml"))],
        keys: vec![Source::File(folder.path("keys.json"))],
        cluster: None,
        format: None,
        target: Target::File(folder.path("plain.yaml")),
    };
    command(move || unseal_command::run(&options, QUIET)).await?;
    run_seal(folder, "plain.yaml", "cert-2.pem", "resealed.yaml").await?;
    for (file, expected) in [("sealed.yaml", &keys.old), ("resealed.yaml", &keys.new)] {
        if let Some(other) = opening_keys(folder, file)?.iter().find(|key| *key != expected) {
            return Err(broken(format!("{file} opens with {other}, not with {expected}")));
        }
    }
    Ok(Outcome::new((), format!("was sealed with {}, now with {}", keys.old, keys.new)))
}

/// The keys with which the values of a file open.
fn opening_keys(folder: &Folder, file: &str) -> Result<BTreeSet<Fingerprint>> {
    let ring = unseal_command::load_keys(&[Source::File(folder.path("keys.json"))], QUIET)?;
    let mut keys = BTreeSet::new();
    for object in manifests(&folder.path(file))? {
        let sealed = SealedSecret::from_json(&object).map_err(|error| broken(error.to_string()))?;
        let mut hints = ObjectHints::new(&sealed.namespace, None, None);
        let secret = unseal(&sealed, &ring, &mut hints, UnsealOptions::default(), &render_templates)
            .map_err(|error| broken(format!("{file}: {error}")))?;
        keys.extend(secret.keys().values().cloned());
    }
    Ok(keys)
}

pub(super) async fn apply_resealed(folder: &Folder, api: &Api) -> Result<Outcome<()>> {
    for object in manifests(&folder.path("resealed.yaml"))? {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        api.replace(&sealed_path(name), &object).await?;
    }
    wait_until_synced(api).await?;
    read_back(api).await?;
    Ok(Outcome::new((), "Synced with the new key, and the Secrets hold the same bytes as before"))
}

/// The sample, by name.
fn sample() -> Result<BTreeMap<String, PlainSecret>> {
    let documents = bulla_yaml::read_manifests(SAMPLE.as_bytes(), &Limits::default())
        .map_err(|error| Report::new(Code::Internal, format!("the sample: {error}")))?;
    documents
        .iter()
        .map(|document| {
            let secret = seal::read_secret("the sample", document, QUIET)?;
            Ok((secret.name.clone(), secret))
        })
        .collect()
}

/// The documents of a sealed file, as JSON.
fn manifests(path: &Path) -> Result<Vec<Value>> {
    let text = crate::io::read(&Source::File(path.to_owned()))?;
    let documents = bulla_yaml::read_manifests(&text, &Limits::default()).map_err(|error| broken(error.to_string()))?;
    documents.iter().map(|document| document.root.to_json().map_err(|error| broken(error.to_string()))).collect()
}

/// A SealedSecret, or all of them.
fn sealed_path(name: &str) -> String {
    let collection = format!("/apis/bitnami.com/v1alpha1/namespaces/{NAMESPACE}/sealedsecrets");
    if name.is_empty() { collection } else { format!("{collection}/{name}") }
}

fn secret_path(name: &str) -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/secrets/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_kinds_of_secrets_that_occur_in_the_wild() {
        let sample = sample().unwrap();
        let types: Vec<_> = sample.values().filter_map(|secret| secret.secret_type.as_deref()).collect();
        assert_eq!(
            types,
            ["Opaque", "kubernetes.io/basic-auth", "kubernetes.io/dockerconfigjson", "kubernetes.io/tls"]
        );
        let binary = &sample["app"].data["session-key"];
        assert!(std::str::from_utf8(binary.expose()).is_err(), "the sample should hold bytes that are no text");
        assert!(sample.values().all(|secret| secret.converted.is_empty() && secret.namespace == NAMESPACE));
    }

    #[test]
    fn excerpts_are_short() {
        let text = excerpt(&format!("---\na: {}\nb: c\n", "x".repeat(500)));
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|line| line.chars().count() <= 73));
    }
}
