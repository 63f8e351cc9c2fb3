//! The words for a certificate that is not the one that was trusted: how to check it, and how to accept it.

use bulla_core::sealed::{Fingerprint, SealingCertificate};

use crate::config::Cluster;
use crate::report::{Code, Report};

/// A fingerprint that somebody has vouched for.
pub(super) struct Pinned<'a> {
    pub(super) fingerprint: &'a Fingerprint,
    /// The cluster of `.bulla.yaml` that it stands at; none: pinned on this machine.
    cluster: Option<&'a Cluster>,
}

impl<'a> Pinned<'a> {
    /// Stated in `.bulla.yaml`.
    pub(super) fn by_repository(fingerprint: &'a Fingerprint, cluster: Option<&'a Cluster>) -> Self {
        Self { fingerprint, cluster }
    }

    /// Pinned on this machine.
    pub(super) fn here(fingerprint: &'a Fingerprint) -> Self {
        Self { fingerprint, cluster: None }
    }
}

/// Another certificate than the pinned one. After a renewal that is how it should be; after an attack it looks the same.
pub(super) fn refused(from: &str, certificate: &SealingCertificate, pinned: &Pinned<'_>) -> Report {
    let (new, old) = (certificate.fingerprint(), pinned.fingerprint);
    let (by, context, keep) = match pinned.cluster {
        Some(cluster) => (
            ".bulla.yaml pins",
            cluster.context.as_ref().map(|context| format!(" --context {context}")).unwrap_or_default(),
            format!("for everybody: write it to clusters.{}.fingerprint in .bulla.yaml, and commit that", cluster.name),
        ),
        None => ("this machine has pinned", String::new(), format!("for good: bulla cert pin {new}")),
    };
    Report::new(Code::CertificateChanged, format!("{from}: the certificate is {new}, but {by} {old}")).hint(format!(
        "sealing keys are renewed every 30 days, so this can be right; a forged certificate would look just the same\n\
         look at what the cluster has: bulla cert fetch{context} | bulla cert show -\n\
         compare the fingerprint with your team or administrator, over another channel; then accept it\n\
         once: --accept-fingerprint {new}\n\
         {keep}"
    ))
}

/// `--accept-fingerprint` names another one.
pub(super) fn not_accepted(from: &str, certificate: &SealingCertificate, accept: &Fingerprint) -> Report {
    Report::new(
        Code::NotTheAccepted,
        format!("{from}: the certificate is {}, not {accept}, which --accept-fingerprint names", certificate.fingerprint()),
    )
    .hint("if it was renewed once more, compare the new fingerprint in the same way: bulla cert fetch | bulla cert show -")
}

/// `bulla cert pin SHA256:…` names another one than there is.
pub(super) fn not_the_named(from: &str, certificate: &SealingCertificate, named: &Fingerprint) -> Report {
    Report::new(
        Code::NotTheAccepted,
        format!("{from}: the certificate is {}, not {named}; nothing was pinned", certificate.fingerprint()),
    )
    .hint("look at what the cluster has: bulla cert fetch | bulla cert show -")
}
