//! From the typed errors of the libraries to reports. `source` is the name of the input, as messages show it.

use bulla_core::sealed::{PlainSecretError, Problem};
use bulla_yaml::SpliceError;

use super::{Code, Report};

/// A text that does not parse.
pub(crate) fn bad_manifest(source: &str, error: &bulla_yaml::Error) -> Report {
    use bulla_yaml::Error;
    let report = |code| Report::new(code, format!("{source}: {error}"));
    match error {
        Error::TooLarge { .. } => report(Code::InputTooLarge),
        Error::TooManyAliasNodes { .. } | Error::RecursiveAlias { .. } => {
            report(Code::NotYaml).hint("write the repeated part out instead of using aliases")
        }
        Error::NotUtf8 { .. } | Error::Encoding { .. } => {
            report(Code::NotYaml).hint("binary values go base64-encoded under `data:`, the file itself must be UTF-8")
        }
        Error::TooDeep { .. } => report(Code::NotYaml).hint("a Secret has three levels; this is something else"),
        _ => report(Code::NotYaml).hint("a Secret manifest is needed, in YAML or JSON; see `bulla seal --help`"),
    }
}

/// A document that parses and is not a Secret that can be sealed.
pub(crate) fn bad_secret(source: &str, error: &PlainSecretError) -> Report {
    let message = format!("{source}: {error}");
    match &error.problem {
        Problem::NotBase64 { .. } => Report::new(Code::NotBase64, message).hint(
            "put plain text under `stringData:`, or encode the value: base64 -w0 FILE (standard alphabet, with padding)",
        ),
        _ => Report::new(Code::WrongType, message)
            .hint("values under `stringData:` are text, values under `data:` are base64; lists and maps are neither"),
    }
}

/// An edit in place that is refused.
pub(crate) fn bad_splice(source: &str, error: &SpliceError) -> Report {
    let report = |code| Report::new(code, format!("{source}: {error}"));
    match error {
        SpliceError::Unreadable(error) => bad_manifest(source, error),
        SpliceError::NoSuchKey { .. } => report(Code::NoSuchKey).hint("bulla view FILE lists the keys"),
        SpliceError::KeyExists { .. } => report(Code::KeyTaken).hint("bulla view FILE lists the keys"),
        _ => report(Code::CannotSplice).hint("nothing was written; the line above says where, and what to write there"),
    }
}

/// A certificate that cannot be sealed with.
pub(crate) fn bad_certificate(source: &str, error: &bulla_core::Error) -> Report {
    use bulla_core::Error;
    const FETCH: &str = "fetch the present one: bulla cert fetch > cert.pem";
    let report = |code| Report::new(code, format!("{source}: {error}"));
    match error {
        Error::NoCertificate { only_public_key: true } => {
            report(Code::NotACertificate).hint(format!("a bare PUBLIC KEY is not enough; {FETCH}"))
        }
        Error::NoCertificate { .. } => report(Code::NotACertificate).hint(FETCH),
        Error::CertificateExpired { .. } => report(Code::CertificateExpired).hint(FETCH),
        Error::CertificateKeyNotRsa => report(Code::CertificateNotRsa).hint(FETCH),
        Error::RsaKeySize { .. } => report(Code::CertificateKeySize).hint(FETCH),
        _ => report(Code::CertificateMalformed).hint(format!("the file is cut or garbled; {FETCH}")),
    }
}

/// A file of private keys that yields none.
pub(crate) fn bad_key_file(source: &str, error: &bulla_core::Error) -> Report {
    Report::new(Code::KeyUnusable, format!("{source}: {error}")).hint(
        "a key file is a PEM private key, or a backup of key Secrets: \
         kubectl get secret -n kube-system -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml",
    )
}
