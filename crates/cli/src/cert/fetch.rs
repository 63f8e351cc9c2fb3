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
use crate::kubeconfig;
use crate::report::{Code, Report, Result, bad_certificate, chain, os_error};
use crate::service_proxy::{Unanswered, exchange};

/// Upstream's namespace for its controller.
pub(crate) const CONTROLLER_NAMESPACE: &str = "kube-system";
/// The name of the controller's Service in upstream's manifests.
pub(crate) const CONTROLLER_NAME: &str = "sealed-secrets-controller";

pub(super) const ACCEPT: &str = "application/x-pem-file, */*";
/// A certificate of the largest key is under 4 KiB.
pub(super) const MAX_BYTES: u64 = 256 << 10;

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
            let pem = fetch(url)?;
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

/// The bytes at a URL, unchecked.
pub(crate) fn fetch(url: &str) -> Result<Vec<u8>> {
    match url.strip_prefix("file://") {
        Some(path) => input::read_file(path.as_ref())
            .map(|bytes| bytes.to_vec())
            .map_err(|error| Report::new(Code::FetchFailed, format!("{}: {}", url.escape_debug(), os_error(&error)))),
        None => cluster::block_on(async { from_url(url).await.map_err(|error| error.into_report(url)) }),
    }
}

/// Why a URL gave no certificate.
#[derive(Debug)]
pub(crate) enum UrlError {
    /// Not a URL that is understood.
    Malformed,
    /// An answer that is no success: its status.
    Status(u16),
    /// No answer, from this URL.
    Unanswered(http::Uri, Unanswered),
    /// Anything else.
    Other(String),
}

impl UrlError {
    fn into_report(self, url: &str) -> Report {
        let url = url.escape_debug();
        let message = match self {
            Self::Malformed => format!("{url}: not a http://, https:// or file:// URL"),
            Self::Status(code) => format!("{url}: the server answered {}", status_line(code)),
            Self::Unanswered(_, Unanswered::InTime) => format!("{url}: the server did not answer in time"),
            Self::Unanswered(_, Unanswered::Failed(cause)) => format!("{url}: {}", chain(&*cause)),
            Self::Other(cause) => format!("{url}: {cause}"),
        };
        Report::new(Code::FetchFailed, message).hint("the controller serves its certificate at /v1/cert.pem")
    }
}

/// `404 Not Found`
pub(crate) fn status_line(code: u16) -> String {
    http::StatusCode::from_u16(code).map_or_else(|_| code.to_string(), |status| status.to_string())
}

/// A GET without credentials, through the environment's proxies. Redirects are followed, but not out of HTTPS.
pub(crate) async fn from_url(url: &str) -> std::result::Result<Vec<u8>, UrlError> {
    let mut uri: http::Uri = url.parse().map_err(|_| UrlError::Malformed)?;
    for _ in 0..MAX_REDIRECTS {
        let answer = get(&uri).await?;
        if !answer.status().is_redirection() {
            return match answer.status().as_u16() {
                200 => Ok(answer.into_body()),
                code => Err(UrlError::Status(code)),
            };
        }
        let target = answer.headers().get(http::header::LOCATION).and_then(|target| target.to_str().ok());
        let Some(target) = target else { return Err(UrlError::Status(answer.status().as_u16())) };
        let next = redirected(&uri, target).ok_or(UrlError::Malformed)?;
        if uri.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
            return Err(UrlError::Other("it redirects from HTTPS to a connection that nobody protects".to_owned()));
        }
        uri = next;
    }
    Err(UrlError::Other(format!("stopped after {MAX_REDIRECTS} redirects")))
}

/// Go's number.
const MAX_REDIRECTS: usize = 10;

async fn get(uri: &http::Uri) -> std::result::Result<http::Response<Vec<u8>>, UrlError> {
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(UrlError::Malformed);
    };
    cluster::prepare_tls();
    let origin = format!("{scheme}://{authority}").parse().map_err(|_| UrlError::Malformed)?;
    let mut config = kube::Config::new(origin);
    config.connect_timeout = Some(cluster::CONNECT_TIMEOUT);
    config.proxy_url = kubeconfig::proxy_from_environment(uri);
    config.default_retry = false;
    let client = kube::Client::try_from(config).map_err(|error| UrlError::Other(chain(&error)))?;
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = || http::Request::get(path).body(Vec::new());
    exchange(&client, &request, std::time::Duration::from_secs(30))
        .await
        .map_err(|error| UrlError::Unanswered(uri.clone(), error))
}

/// Where a `Location` leads.
fn redirected(from: &http::Uri, target: &str) -> Option<http::Uri> {
    let target: http::Uri = target.parse().ok()?;
    if target.scheme().is_some() {
        return Some(target);
    }
    let mut parts = from.clone().into_parts();
    let path = target.path_and_query()?.as_str();
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        let folder = from.path().rfind('/').map_or("/", |end| &from.path()[..=end]);
        format!("{folder}{path}")
    };
    parts.path_and_query = Some(path.parse().ok()?);
    http::Uri::from_parts(parts).ok()
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
    fn redirects_are_absolute_or_relative_to_where_they_come_from() {
        for (target, expected) in [("http://b/y", "http://b/y"), ("/y?z=1", "https://a:1/y?z=1"), ("/", "https://a:1/")]
        {
            let found = redirected(&"https://a:1/x/cert.pem".parse().unwrap(), target);
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), Some(expected), "{target}");
        }
    }

    #[test]
    fn plain_http_to_another_machine_is_unprotected() {
        assert!(is_unprotected("http://sealed.example.com/v1/cert.pem"));
        for fine in ["https://example.com/", "http://127.0.0.1:8080/v1/cert.pem", "http://localhost/", "file:///x"] {
            assert!(!is_unprotected(fine), "{fine}");
        }
    }
}
