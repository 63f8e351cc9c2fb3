//! Verdicts with private keys at hand.

use bulla_core::go_base64;
use bulla_core::sealed::{Failure, ObjectHints, SealingCertificate, seal_value};

use super::file::{Value, Verdict, Work};
use super::keys::Keys;
use super::outcome::{FileReport, FileState, Mode};
use crate::parallel;

/// Judges every value of a file, and finishes it. `spread`: on all cores, because there are few files.
pub(super) fn settle(mut work: Work, keys: &Keys, mode: Mode, spread: bool) -> FileReport {
    let certificate = match keys.certificate_for(work.path()) {
        Ok(certificate) => certificate,
        Err(why) => {
            let mut report = FileReport::new(work.path(), FileState::Failed);
            report.error = Some(why);
            return report;
        }
    };
    if spread && work.values.len() > 1 {
        let verdicts =
            parallel::each(&work.values, |value| judge(value, keys, certificate, mode, &mut ObjectHints::default()));
        for (value, verdict) in work.values.iter_mut().zip(verdicts) {
            if matches!(value.verdict, Verdict::Open) {
                value.verdict =
                    verdict.unwrap_or_else(|| Verdict::Failed("interrupted before it was opened".to_owned()));
            }
        }
    } else {
        // The key of one value is tried first on the next one.
        let mut hints = ObjectHints::default();
        for value in &mut work.values {
            if matches!(value.verdict, Verdict::Open) {
                value.verdict = judge(value, keys, certificate, mode, &mut hints);
            }
        }
    }
    work.finish(mode)
}

fn judge(value: &Value, keys: &Keys, certificate: &SealingCertificate, mode: Mode, hints: &mut ObjectHints) -> Verdict {
    if !matches!(value.verdict, Verdict::Open) {
        return Verdict::Open;
    }
    let bytes = match go_base64::decode(&value.text) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Failed(Failure::Base64(error).to_string()),
    };
    let place = value.place();
    let opened = match keys.ring.open(&bytes, (place.scope, place.namespace, place.name), hints) {
        Ok(opened) => opened,
        Err(Failure::NoKey { .. } | Failure::OtherKeySize { .. }) if keys.may_be_of_absent(certificate, &bytes) => {
            return Verdict::Unproven;
        }
        Err(failure) => return Verdict::Failed(failure.to_string()),
    };
    if opened.key == *certificate.fingerprint() {
        return Verdict::Fresh;
    }
    if keys.is_newer(&opened.key, certificate) {
        return Verdict::Newer(opened.key);
    }
    if mode == Mode::Check {
        return Verdict::Stale(Some(opened.key), None);
    }
    match seal_value(opened.plaintext.expose(), certificate, place.scope, place.namespace, place.name) {
        Ok(sealed) => Verdict::Stale(Some(opened.key), Some(go_base64::encode(&sealed))),
        Err(error) => Verdict::Failed(error.to_string()),
    }
}
