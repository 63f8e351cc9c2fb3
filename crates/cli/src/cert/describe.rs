//! What a person wants to know of a certificate: whose it is, how old, and whether it should be used.

use std::path::Path;

use bulla_core::sealed::SealingCertificate;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::choose::{CertificateChoice, Chosen, entry, select};
use crate::age::{age, day};
use crate::config::Config;
use crate::io::{Console, Source, Target, read};
use crate::report::{Result, bad_certificate};

/// The facts about a certificate at one moment.
pub(crate) struct Description {
    fingerprint: String,
    bits: usize,
    not_before: Timestamp,
    not_after: Timestamp,
    for_sealing: bool,
    now: Timestamp,
}

impl Description {
    /// The facts about `certificate` at `now`.
    pub(crate) fn of(certificate: &SealingCertificate, now: Timestamp) -> Self {
        Self {
            fingerprint: certificate.fingerprint().to_string(),
            bits: certificate.modulus_bits(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            for_sealing: certificate.is_for_sealing(),
            now,
        }
    }

    /// `certificate SHA256:…, RSA-4096, 12 days old, valid until 2036-01-01`.
    pub(crate) fn one_line(&self) -> String {
        format!(
            "certificate {}, RSA-{}, {} old, valid until {}",
            self.fingerprint,
            self.bits,
            age(self.not_before, self.now),
            day(self.not_after)
        )
    }

    /// What speaks against using it.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.for_sealing {
            warnings.push(
                "the certificate was not made for encryption (its key usage says so): is it a sealing certificate?"
                    .to_owned(),
            );
        }
        if self.not_before > self.now {
            warnings.push(format!("the certificate is valid only from {}: is a clock wrong?", day(self.not_before)));
        }
        if self.now > self.not_after {
            warnings
                .push(format!("the certificate has expired on {}: nothing can be sealed with it", day(self.not_after)));
        }
        warnings
    }

    fn table(&self) -> String {
        let yes_or_no = |yes| if yes { "yes" } else { "no" };
        format!(
            "fingerprint  {}\nkey          RSA-{}\nvalid from   {} ({} old)\nvalid until  {}\nexpired      {}\nfor sealing  {}\n",
            self.fingerprint,
            self.bits,
            self.not_before,
            age(self.not_before, self.now),
            self.not_after,
            yes_or_no(self.now > self.not_after),
            yes_or_no(self.for_sealing),
        )
    }

    /// The facts as `--json` prints them.
    pub(crate) fn json(&self) -> Value {
        json!({
            "fingerprint": self.fingerprint,
            "bits": self.bits,
            "notBefore": self.not_before.to_string(),
            "notAfter": self.not_after.to_string(),
            "ageSeconds": self.now.duration_since(self.not_before).as_secs(),
            "expired": self.now > self.not_after,
            "forSealing": self.for_sealing,
        })
    }
}

/// `bulla cert show`: an expired certificate is shown, too. Without a file it is the one that `bulla seal` would use here.
pub(crate) fn show(source: Option<&Source>, choice: &CertificateChoice, as_json: bool, console: Console) -> Result<()> {
    let now = Timestamp::now();
    let Chosen { certificate, from } = match source {
        Some(source) => {
            let from = source.to_string();
            let pem = read(source)?;
            let certificate = SealingCertificate::from_pem(&pem).map_err(|error| bad_certificate(&from, &error))?;
            Chosen { certificate, from }
        }
        None => {
            let config = Config::find(Path::new(""))?;
            select(choice, entry(choice, config.as_ref(), None)?, now, console)?
        }
    };
    let description = Description::of(&certificate, now);
    let text = if as_json {
        let mut report = description.json();
        report["from"] = from.into();
        format!("{report:#}\n")
    } else {
        format!("{}from         {from}\n", description.table())
    };
    Target::Stdout.write(text.as_bytes())
}
