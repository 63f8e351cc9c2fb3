//! Where kubeseal's certificate comes from: `--cert` (a file or a URL), else the controller's Service.

use std::path::Path;

use bulla_core::Error;
use bulla_core::sealed::SealingCertificate;
use jiff::Timestamp;

use super::api::Api;
use super::flags::Flags;
use super::{Failure, read_failed, transport};
use crate::cert::fetch::{self, UrlError};
use crate::cluster;
use crate::io::input::read_file;
use crate::kubeconfig::proxy_from_environment;
use crate::report::Report;
use crate::service_proxy::Unanswered;

/// The PEM text, unchecked.
pub(super) fn read(flags: &Flags) -> Result<Vec<u8>, Failure> {
    let Some(place) = flags.path("cert") else { return from_cluster(flags) };
    let scheme = place.to_str().and_then(scheme);
    match (scheme, place.to_str()) {
        (Some(_), Some(url)) => from_url(url),
        _ => {
            let path = Path::new(place);
            read_file(path).map(|bytes| bytes.to_vec()).map_err(|error| read_failed(path, &error))
        }
    }
}

/// What makes a text a URL: at least two letters before a colon; one is a drive of Windows.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let mut letters = scheme.chars();
    let begins = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic());
    let goes_on = letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    (begins && goes_on && scheme.len() > 1).then_some(scheme)
}

fn from_url(url: &str) -> Result<Vec<u8>, Failure> {
    match scheme(url).unwrap_or_default().to_ascii_lowercase().as_str() {
        "file" => return from_file_url(url),
        "https" => {}
        "http" => to_warn("the certificate is fetched over plain HTTP: whoever is on the way can exchange it"),
        other => return Err(format!("Get {url:?}: unsupported protocol scheme {other:?}")),
    }
    let host = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains(' ') {
        return Err(format!("parse {url:?}: invalid character \" \" in host name"));
    }
    let answer = cluster::block_on(async { Ok(fetch::from_url(url).await) }).map_err(words)?;
    answer.map_err(|error| match error {
        UrlError::Status(code) => format!("cannot fetch {url:?}: {}", fetch::status_line(code)),
        UrlError::Malformed => format!("Get {url:?}: http: no Host in request URL"),
        UrlError::Other(cause) => format!("Get {url:?}: {cause}"),
        UrlError::Unanswered(uri, error) => {
            let cause = match &error {
                Unanswered::InTime => "context deadline exceeded".to_owned(),
                Unanswered::Failed(error) => transport::words(&**error, &uri, proxy_from_environment(&uri).as_ref()),
            };
            // As it was typed, unless it was redirected.
            let there =
                if url.parse().is_ok_and(|typed: http::Uri| typed == uri) { url.to_owned() } else { uri.to_string() };
            format!("Get {there:?}: {cause}")
        }
    })
}

/// Go serves `file://` like a web server: what is not there is 404.
fn from_file_url(url: &str) -> Result<Vec<u8>, Failure> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // A host would stand before the first slash.
    let path = rest.find('/').map_or("", |slash| &rest[slash..]);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = percent_decoded(path);
    read_file(Path::new(&path)).map(|bytes| bytes.to_vec()).map_err(|error| {
        let answer = match error.kind() {
            std::io::ErrorKind::PermissionDenied => "403 Forbidden",
            _ => "404 Not Found",
        };
        format!("cannot fetch {url:?}: {answer}")
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn from_cluster(flags: &Flags) -> Result<Vec<u8>, Failure> {
    let fetched = cluster::block_on(async {
        Ok(match Api::find(flags).await {
            Ok(api) => {
                api.certificate().await.map_err(|refused| format!("cannot fetch certificate: {}", refused.words))
            }
            Err(failure) => Err(failure),
        })
    });
    fetched.map_err(words)?
}

/// The first certificate of a PEM text. All of them must be readable.
pub(super) fn parse(pem: &[u8]) -> Result<SealingCertificate, Failure> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let words = |error: Error| match error {
        Error::MalformedCertificate => "x509: malformed certificate".to_owned(),
        other => other.to_string(),
    };
    let certificate = SealingCertificate::from_pem(pem).map_err(words)?;
    let text = String::from_utf8_lossy(pem);
    for (start, _) in text.match_indices(BEGIN).skip(1) {
        if let Err(error @ Error::MalformedCertificate) = SealingCertificate::from_pem(&text.as_bytes()[start..]) {
            return Err(words(error));
        }
    }
    certificate.check_not_expired(Timestamp::now()).map_err(words)?;
    Ok(certificate)
}

fn words(report: Report) -> Failure {
    report.message().to_owned()
}

fn to_warn(message: &str) {
    crate::io::output::to_stderr(&format!("warning: {message}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_of_two_letters_or_more() {
        for (text, expected) in [
            ("http://a", Some("http")),
            ("foo:bar", Some("foo")),
            ("c:\\cert.pem", None),
            ("cert.pem", None),
            ("a/b:c", None),
            ("1a:b", None),
            (":x", None),
        ] {
            assert_eq!(scheme(text), expected, "{text}");
        }
    }

    #[test]
    fn paths_of_urls_are_decoded() {
        assert_eq!(percent_decoded("/a%20b%2fc%zz%2"), "/a b/c%zz%2");
    }
}
