//! A TLS certificate and its private key, checked to belong together before they are sealed: afterwards nobody can look.

use std::path::Path;

use bulla_core::secret::SecretBytes;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::build::{bad_source, shown, unreadable};
use crate::io::Console;
use crate::io::input::read_file;
use crate::report::{Code, Report, Result};

/// The bytes of both files, as they are.
pub(super) fn read(certificate: &Path, key: &Path, console: Console) -> Result<(SecretBytes, SecretBytes)> {
    let chain_bytes = read_file(certificate).map_err(|error| unreadable(certificate, &error))?;
    let key_bytes = read_file(key).map_err(|error| unreadable(key, &error))?;
    check(certificate, &chain_bytes, key, &key_bytes, console)?;
    Ok((SecretBytes::from(chain_bytes), SecretBytes::from(key_bytes)))
}

fn check(certificate: &Path, chain: &[u8], key: &Path, key_bytes: &[u8], console: Console) -> Result<()> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<std::result::Result<_, _>>()
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .ok_or_else(|| {
            bad_source(
                format!("--tls-cert {}: there is no certificate in PEM in it", shown(certificate)),
                "the server's certificate comes first in it, then those of the authorities between; the private key goes to --tls-key",
            )
        })?;
    let private = PrivateKeyDer::from_pem_slice(key_bytes).map_err(|_| {
        let encrypted = key_bytes.windows(9).any(|window| window == b"ENCRYPTED");
        let hint = if encrypted {
            "it is encrypted with a passphrase; decrypt it into the pipe: openssl pkey -in KEY | bulla seal … --tls-key /dev/stdin"
        } else {
            "the private key is a PEM block such as `-----BEGIN PRIVATE KEY-----`; the certificate goes to --tls-cert"
        };
        bad_source(format!("--tls-key {}: there is no private key in PEM in it that can be used", shown(key)), hint)
    })?;
    let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&private).map_err(|_| {
        bad_source(
            format!("--tls-key {}: the private key is damaged, or of a kind that TLS does not use", shown(key)),
            "check it: openssl pkey -noout -check -in KEY",
        )
    })?;
    match CertifiedKey::new(chain, signer).keys_match() {
        Ok(()) => Ok(()),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(Report::new(
            Code::TlsMismatch,
            format!(
                "the private key in {} does not belong to the first certificate in {}",
                shown(key),
                shown(certificate)
            ),
        )
        .hint("compare: openssl x509 -noout -pubkey -in CERTIFICATE, and openssl pkey -pubout -in KEY")),
        Err(_) => {
            console.warn(&format!(
                "whether the private key in {} belongs to the certificate in {} cannot be found out",
                shown(key),
                shown(certificate)
            ));
            Ok(())
        }
    }
}
