//! A certificate to seal with, from a file, with everything about it that a user should know.

use bulla_core::sealed::SealingCertificate;
use jiff::Timestamp;

use super::describe::Description;
use crate::io::{Console, Source, read};
use crate::report::{Result, bad_certificate};

/// Reads a certificate and checks that values may be sealed with it now. Says which one it is.
pub(crate) fn load(source: &Source, now: Timestamp, console: Console) -> Result<SealingCertificate> {
    let name = source.to_string();
    let pem = read(source)?;
    let certificate = SealingCertificate::from_pem(&pem)
        .and_then(|certificate| certificate.check_not_expired(now).map(|()| certificate))
        .map_err(|error| bad_certificate(&name, &error))?;
    let description = Description::of(&certificate, now);
    console.note(&format!("sealing with {}", description.one_line()));
    for warning in description.warnings() {
        console.warn(&format!("{name}: {warning}"));
    }
    Ok(certificate)
}
