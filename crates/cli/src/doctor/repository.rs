//! What is in the repository: `.bulla.yaml` against what is there, certificates, private keys that must not be.

use std::path::Path;

use bulla_core::sealed::SealingCertificate;
use jiff::Timestamp;

use super::finding::Finding;
use crate::cert::Description;
use crate::config::{Cluster, Config, PlainSecrets, Policy};
use crate::init::look::Survey;
use crate::io::{Source, read};
use crate::report::{Code, bad_certificate};
use crate::tree::shown;

pub(super) const AREA: &str = "repository";

pub(super) fn look(config: Option<&Config>, survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let now = Timestamp::now();
    match config {
        Some(config) => {
            let (clusters, rules) = (config.clusters().len(), config.rules().len());
            let path = shown(&config.path());
            findings.push(Finding::ok(AREA, format!("{path}: clusters: {clusters}, rules: {rules}")));
            for cluster in config.clusters() {
                findings.extend(certificate(cluster, &config.policy, now));
            }
            findings.extend(idle_rules(config, survey));
        }
        None => findings.push(Finding::note(AREA, "no .bulla.yaml", "bulla init")),
    }
    findings.extend(survey.keys.iter().map(|path| private_key(path)));
    let plain_is_fine = config.is_some_and(|config| config.policy.plain_secrets == PlainSecrets::Allow);
    if !survey.plain.is_empty() && !plain_is_fine {
        let count = survey.plain.len();
        let files = if count == 1 { "1 file holds" } else { &format!("{count} files hold") };
        findings.push(Finding::note(
            AREA,
            format!("{files} plain Secrets that git does not ignore, {} first", shown(&survey.plain[0])),
            "bulla verify names them all; seal them, or add them to .gitignore",
        ));
    }
    findings.extend(survey.unreadable.iter().map(|why| Finding::note(AREA, why.as_str(), "")));
    findings
}

/// The certificate that is kept for a cluster, as `.bulla.yaml` states it.
fn certificate(cluster: &Cluster, policy: &Policy, now: Timestamp) -> Vec<Finding> {
    let Some(path) = &cluster.certificate else {
        let pinned = cluster.fingerprint.as_ref().map_or_else(String::new, |pinned| format!(", and must be {pinned}"));
        return vec![Finding::ok(
            AREA,
            format!("cluster {}: the certificate comes from the cluster{pinned}", cluster.name),
        )];
    };
    let name = shown(path);
    let certificate = read(&Source::File(path.clone()))
        .and_then(|pem| SealingCertificate::from_pem(&pem).map_err(|error| bad_certificate(&name, &error)));
    match certificate {
        Ok(certificate) => judged(cluster, &name, &certificate, policy, now),
        Err(report) => {
            let fetch = fetch_command(cluster, &name);
            vec![Finding::todo(AREA, report.code(), report.message(), format!("fetch it: {fetch}"))]
        }
    }
}

/// Pure.
fn judged(
    cluster: &Cluster,
    name: &str,
    certificate: &SealingCertificate,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Finding> {
    let fetch = fetch_command(cluster, name);
    let mut findings = Vec::new();
    if let Some(pinned) = cluster.fingerprint.as_ref().filter(|pinned| *pinned != certificate.fingerprint()) {
        findings.push(Finding::todo(
            AREA,
            Code::CertificateChanged,
            format!("{name}: the certificate is {}, but .bulla.yaml pins {pinned}", certificate.fingerprint()),
            format!(
                "compare with your team; then write the right one to clusters.{}.fingerprint, or fetch it again: {fetch}",
                cluster.name
            ),
        ));
    }
    let description = Description::of(certificate, now);
    if let Err(error) = certificate.check_not_expired(now) {
        let report = bad_certificate(name, &error);
        findings.push(Finding::todo(AREA, report.code(), report.message(), format!("fetch the present one: {fetch}")));
    } else if let Some(max) =
        policy.certificate_max_age.filter(|max| now.duration_since(certificate.not_before()) > *max)
    {
        findings.push(Finding::todo(
            AREA,
            Code::CertificateOld,
            format!(
                "{name}: {}; the policy wants none older than {} days",
                description.one_line(),
                max.as_hours() / 24
            ),
            format!("fetch the present one: {fetch}"),
        ));
    } else {
        let problems = description.warnings();
        findings.extend(problems.iter().map(|problem| Finding::note(AREA, format!("{name}: {problem}"), "")));
        if findings.is_empty() {
            findings.push(Finding::ok(AREA, format!("{name}: {}", description.one_line())));
        }
    }
    findings
}

/// How the certificate of a cluster is fetched.
pub(super) fn fetch_command(cluster: &Cluster, name: &str) -> String {
    let context = cluster.context.as_ref().map(|context| format!(" --context {context}")).unwrap_or_default();
    format!("bulla cert fetch{context} -w {name}")
}

/// Rules that no file has.
fn idle_rules(config: &Config, survey: &Survey) -> Vec<Finding> {
    let idle = config.rules().iter().filter(|rule| {
        let used = |path: &std::path::PathBuf| {
            config.rule(&config.folder().join(path)).is_some_and(|found| std::ptr::eq(found, *rule))
        };
        !survey.manifests.iter().any(used)
    });
    idle.map(|rule| {
        Finding::note(
            AREA,
            format!("the rule for {} has no file", rule.pattern()),
            "an earlier rule may take them all: the first match wins",
        )
    })
    .collect()
}

fn private_key(path: &Path) -> Finding {
    Finding::todo(
        AREA,
        Code::KeyInTree,
        format!("{}: a private sealing key in the work tree, which git does not ignore", shown(path)),
        format!(
            "back it up encrypted, then remove it: bulla keys backup --to age1… ; git rm --cached {}\n\
             if it was ever pushed, everything that was sealed for it is known: make a new key, reseal, and change the values",
            shown(path)
        ),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use jiff::SignedDuration;

    use super::super::finding::{Level, text};
    use super::*;

    #[test]
    fn a_certificate_is_judged_by_pin_expiry_and_age() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/sealed/keys");
        let read = |name: &str| SealingCertificate::from_pem(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let (certificate, other) = (read("key1.crt"), read("key2.crt"));
        let cluster = |fingerprint| Cluster {
            name: "prod".to_owned(),
            certificate: None,
            fingerprint,
            context: Some("prod-eu".to_owned()),
        };
        let policy = Policy { certificate_max_age: Some(SignedDuration::from_hours(24)), ..Policy::default() };
        let (young, old) = (
            certificate.not_before() + SignedDuration::from_hours(1),
            certificate.not_before() + SignedDuration::from_hours(48),
        );
        let expired = certificate.not_after() + SignedDuration::from_hours(1);
        let own = Some(certificate.fingerprint().clone());
        for (pinned, now, level, said) in [
            (None, young, Level::Ok, "c.pem: certificate SHA256:"),
            (own.clone(), young, Level::Ok, "c.pem: certificate SHA256:"),
            (own.clone(), old, Level::Todo, "bulla cert fetch --context prod-eu -w c.pem"),
            (own, expired, Level::Todo, "(E0304)"),
            (Some(other.fingerprint().clone()), young, Level::Todo, "but .bulla.yaml pins SHA256:"),
        ] {
            let findings = judged(&cluster(pinned), "c.pem", &certificate, &policy, now);
            let text = text(&findings);
            assert_eq!(findings[0].level, level, "{text}");
            assert!(text.contains(said), "{said:?} is not in:\n{text}");
        }
    }
}
