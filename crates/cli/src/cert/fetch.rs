//! Fetching the sealing certificate: through the API server's service proxy as kubeseal does, or from a URL.
//!
//! What is fetched is public, but it decides who can read what is sealed with it; so its fingerprint is shown, and a plain-HTTP
//! URL is warned about. Pinning a fingerprint comes later; until then: compare, then commit the file.

use bulla_core::sealed::SealingCertificate;
use jiff::Timestamp;

use super::describe::Description;
use crate::cluster;
use crate::io::{Console, Target, input};
use crate::report::{Code, Report, Result, bad_certificate, chain, os_error};
use crate::service_proxy::Place;

/// Upstream's namespace for its controller.
pub(crate) const CONTROLLER_NAMESPACE: &str = "kube-system";
/// The name of the controller's Service in upstream's manifests.
pub(crate) const CONTROLLER_NAME: &str = "sealed-secrets-controller";

const ACCEPT: &str = "application/x-pem-file, */*";
/// A certificate of the largest key is under 4 KiB.
const MAX_BYTES: u64 = 256 << 10;

/// Where the certificate is.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Behind the controller's Service in a cluster.
    Cluster(Place),
    /// At a `http://`, `https://` or `file://` URL.
    Url(String),
}

/// `bulla cert fetch`: prints the certificate, or writes it to a file, and says which one it is.
pub(crate) fn run(origin: &Origin, target: &Target, console: Console) -> Result<()> {
    if let Origin::Url(url) = origin
        && is_unprotected(url)
    {
        console.warn(&format!(
            "{}: plain HTTP: whoever is on the way can exchange the certificate and read what you seal",
            url.escape_debug()
        ));
    }
    let pem = fetch(origin)?;
    let name = match origin {
        Origin::Cluster(Place { namespace, name, .. }) => format!("the certificate of {namespace}/{name}"),
        Origin::Url(url) => url.escape_debug().to_string(),
    };
    let certificate = SealingCertificate::from_pem(&pem).map_err(|error| bad_certificate(&name, &error))?;
    let description = Description::of(&certificate, Timestamp::now());
    console.note(&format!("fetched {}", description.one_line()));
    for warning in description.warnings() {
        console.warn(&format!("{name}: {warning}"));
    }
    target.write(&pem)
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
