//! Fetching the sealing certificate: through the API server's service proxy as kubeseal does, or from a URL.
//!
//! What is fetched is public, but it decides who can read what is sealed with it; so its fingerprint is shown and compared with
//! the pinned one, and a plain-HTTP URL is warned about.

use bulla_core::sealed::SealingCertificate;
use jiff::Timestamp;

use super::describe::Description;
use super::pins::Pins;
use super::search::{self, Offer, Wanted};
use crate::cluster::{self, Choice};
use crate::io::{Console, Target, input};
use crate::report::{Code, Report, Result, bad_certificate, chain, os_error};
use crate::service_proxy::Place;

/// Upstream's namespace for its controller.
pub(crate) const CONTROLLER_NAMESPACE: &str = "kube-system";
/// The name of the controller's Service in upstream's manifests.
pub(crate) const CONTROLLER_NAME: &str = "sealed-secrets-controller";

pub(super) const ACCEPT: &str = "application/x-pem-file, */*";
/// A certificate of the largest key is under 4 KiB.
pub(super) const MAX_BYTES: u64 = 256 << 10;

/// Where the certificate is.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Behind the controller's Service in a cluster.
    Cluster(Place),
    /// At a `http://`, `https://` or `file://` URL.
    Url(String),
}

/// `bulla cert fetch`
#[derive(Debug)]
pub(crate) struct Options {
    /// A `http://`, `https://` or `file://` URL, instead of a cluster.
    pub(crate) url: Option<String>,
    /// Which cluster.
    pub(crate) cluster: Choice,
    /// Which controller of it.
    pub(crate) controller: Wanted,
    /// Where the certificate goes.
    pub(crate) target: Target,
}

/// Prints the certificate, or writes it to a file, and says which one it is. What is pinned stays as it is.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    let now = Timestamp::now();
    let (from, pem, certificate, pinned) = match &options.url {
        Some(url) => {
            warn_if_unprotected(url, console);
            let name = url.escape_debug().to_string();
            let pem = fetch(&Origin::Url(url.clone()))?;
            let certificate = SealingCertificate::from_pem(&pem).map_err(|error| bad_certificate(&name, &error))?;
            (url.escape_debug().to_string(), pem, certificate, None)
        }
        None => cluster::block_on(async {
            let config = cluster::config(&options.cluster).await?;
            let pins = Pins::of(&config);
            let Offer { namespace, name, certificate, pem } = search::ask(config, &options.controller).await?;
            // A pin that cannot be read is `seal`'s to refuse; this only looks.
            let pinned =
                pins.ok().flatten().and_then(|pins| Some(pins.for_place(&namespace, &name)?.fingerprint().clone()));
            Ok((format!("Service {namespace}/{name}"), pem, certificate, pinned))
        })?,
    };
    let description = Description::of(&certificate, now);
    console.note(&format!("fetched {}, from {from}", description.one_line()));
    for warning in description.warnings() {
        console.warn(&format!("{from}: {warning}"));
    }
    if let Some(pinned) = pinned.filter(|pinned| pinned != certificate.fingerprint()) {
        console.warn(&format!(
            "the certificate of {from} is not the one that is pinned on this machine, {pinned}: compare it with your team or administrator, \
             then: bulla cert pin {}",
            certificate.fingerprint()
        ));
    }
    options.target.write(&pem)
}

/// Whoever is on the way can exchange the certificate.
pub(super) fn warn_if_unprotected(url: &str, console: Console) {
    if is_unprotected(url) {
        console.warn(&format!(
            "{}: plain HTTP: whoever is on the way can exchange the certificate and read what you seal",
            url.escape_debug()
        ));
    }
}

/// The bytes of the certificate, unchecked.
pub(crate) fn fetch(origin: &Origin) -> Result<Vec<u8>> {
    match origin {
        Origin::Cluster(place) => cluster::block_on(from_cluster(place)),
        Origin::Url(url) => match url.strip_prefix("file://") {
            Some(path) => input::read_file(path.as_ref()).map(|bytes| bytes.to_vec()).map_err(|error| {
                Report::new(Code::FetchFailed, format!("{}: {}", url.escape_debug(), os_error(&error)))
            }),
            None => cluster::block_on(async { from_url(url).await.map_err(|error| error.into_report(url)) }),
        },
    }
}

async fn from_cluster(place: &Place) -> Result<Vec<u8>> {
    let Place { choice, namespace, name } = place;
    let client = cluster::client(cluster::config(choice).await?)?;
    let path = format!("{}/v1/cert.pem", place.find(&client).await?);
    cluster::get(&client, &path, ACCEPT, MAX_BYTES)
        .await
        .map_err(|error| cluster::refused(&format!("fetch the certificate from Service {namespace}/{name}"), &error))
}

/// Why a URL gave no certificate.
#[derive(Debug)]
pub(crate) enum UrlError {
    /// Not a URL that is understood.
    Malformed,
    /// An answer that is no success: its status.
    Status(u16),
    /// No answer.
    Other(String),
}

impl UrlError {
    fn into_report(self, url: &str) -> Report {
        let url = url.escape_debug();
        let message = match self {
            Self::Malformed => format!("{url}: not a http://, https:// or file:// URL"),
            Self::Status(code) => format!("{url}: the server answered {}", status_line(code)),
            Self::Other(cause) => format!("{url}: {cause}"),
        };
        Report::new(Code::FetchFailed, message).hint("the controller serves its certificate at /v1/cert.pem")
    }
}

/// `404 Not Found`
pub(crate) fn status_line(code: u16) -> String {
    http::StatusCode::from_u16(code).map_or_else(|_| code.to_string(), |status| status.to_string())
}

/// A simple GET. No redirects, no credentials.
pub(crate) async fn from_url(url: &str) -> std::result::Result<Vec<u8>, UrlError> {
    let uri: http::Uri = url.parse().map_err(|_| UrlError::Malformed)?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(UrlError::Malformed);
    };
    cluster::prepare_tls();
    let origin = format!("{scheme}://{authority}").parse().map_err(|_| UrlError::Malformed)?;
    let mut config = kube::Config::new(origin);
    config.connect_timeout = Some(std::time::Duration::from_secs(10));
    config.default_retry = false;
    let other = |error: &kube::Error| UrlError::Other(chain(error));
    let client = kube::Client::try_from(config).map_err(|error| other(&error))?;
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    cluster::get(&client, path, ACCEPT, MAX_BYTES).await.map_err(|error| match &error {
        kube::Error::Api(status) => UrlError::Status(status.code),
        error => other(error),
    })
}

/// Plain HTTP to another machine.
fn is_unprotected(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let local = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    uri.scheme_str() == Some("http") && !local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_to_another_machine_is_unprotected() {
        assert!(is_unprotected("http://sealed.example.com/v1/cert.pem"));
        for fine in ["https://example.com/", "http://127.0.0.1:8080/v1/cert.pem", "http://localhost/", "file:///x"] {
            assert!(!is_unprotected(fine), "{fine}");
        }
    }
}
