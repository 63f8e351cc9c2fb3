//! The certificates that files should be sealed with: `--cert` for all, or those of `.bulla.yaml`. Nobody is asked for one.

use std::collections::BTreeMap;

use bulla_core::sealed::SealingCertificate;
use jiff::{SignedDuration, Timestamp};

use super::finding::Finding;
use super::rules::{Rule, Severity};
use crate::age::{age, day};
use crate::cert::Given;
use crate::config::{Cluster, Config};
use crate::io::{Source, read};
use crate::report::{Code, Report, Result, bad_certificate};

/// The certificates at hand.
pub(super) struct Certificates {
    /// For every file.
    given: Option<Known>,
    /// By the name of their cluster.
    clusters: BTreeMap<String, Known>,
    /// Those that cannot be used.
    unusable: Vec<Finding>,
}

struct Known {
    certificate: SealingCertificate,
    /// Its file.
    from: String,
    whose: String,
}

impl Certificates {
    /// A certificate that is named must be one; what is wrong with those of the repository is a finding.
    pub(super) fn load(given: Option<&Given>, config: Option<&Config>) -> Result<Self> {
        let mut found = Self { given: None, clusters: BTreeMap::new(), unusable: Vec::new() };
        match given {
            Some(Given::File(source)) => {
                let from = source.to_string();
                let certificate = of_file(source)?;
                found.given = Some(Known { certificate, whose: from.clone(), from });
                return Ok(found);
            }
            Some(Given::Url(_)) => {
                return Err(Report::new(Code::Usage, "verify reads certificates from files only")
                    .hint("bulla cert fetch --url URL -w cert.pem, then --cert cert.pem"));
            }
            None => {}
        }
        for cluster in config.map(Config::clusters).unwrap_or_default() {
            found.add(cluster);
        }
        Ok(found)
    }

    fn add(&mut self, cluster: &Cluster) {
        let Some(path) = &cluster.certificate else { return };
        let source = Source::File(path.clone());
        // Shown from here, as the files are.
        let here = std::env::current_dir().ok();
        let shown = here.and_then(|here| path.strip_prefix(here.canonicalize().ok()?).ok().map(crate::tree::shown));
        let from = shown.unwrap_or_else(|| source.to_string());
        match of_file(&source) {
            Ok(certificate) => {
                if let Some(pinned) = cluster.fingerprint.as_ref().filter(|pinned| *pinned != certificate.fingerprint())
                {
                    let message = format!(
                        "it is {}, and .bulla.yaml pins {pinned} for {}",
                        certificate.fingerprint(),
                        cluster.name
                    );
                    self.unusable.push(Finding::new(Rule::Certificate, &from, None, message));
                }
                let whose = format!("the certificate of {}", cluster.name);
                self.clusters.insert(cluster.name.clone(), Known { certificate, from, whose });
            }
            Err(report) => {
                let words = report.message().rsplit(": ").next().unwrap_or_default().to_owned();
                self.unusable.push(Finding::new(
                    Rule::Certificate,
                    &from,
                    None,
                    format!("{words} (cluster {})", cluster.name),
                ));
            }
        }
    }

    /// Length of the modulus for files of a cluster, and whose it is.
    pub(super) fn modulus(&self, cluster: Option<&str>) -> Option<(usize, &str)> {
        let known = self.given.as_ref().or_else(|| self.clusters.get(cluster?))?;
        Some((known.certificate.modulus_bits().div_ceil(8), &known.whose))
    }

    /// What is wrong with the certificates themselves.
    pub(super) fn check(&self, max_age: Option<SignedDuration>, now: Timestamp) -> Vec<Finding> {
        let mut findings = self.unusable.clone();
        for known in self.given.iter().chain(self.clusters.values()) {
            let certificate = &known.certificate;
            if now > certificate.not_after() {
                let message = format!("it has expired on {}", day(certificate.not_after()));
                findings.push(Finding {
                    severity: Severity::Error,
                    ..Finding::new(Rule::CertificateAge, &known.from, None, message)
                });
            } else if let Some(max) = max_age.filter(|max| now.duration_since(certificate.not_before()) > *max) {
                let message = format!(
                    "it is {} old, and at most {} days are wanted",
                    age(certificate.not_before(), now),
                    max.as_hours() / 24
                );
                findings.push(Finding::new(Rule::CertificateAge, &known.from, None, message));
            }
        }
        findings
    }
}

fn of_file(source: &Source) -> Result<SealingCertificate> {
    let pem = read(source)?;
    SealingCertificate::from_pem(&pem).map_err(|error| bad_certificate(&source.to_string(), &error))
}
