//! Where kubeseal's certificate comes from: `--cert` (a file or a URL), else the controller's Service.

use std::path::Path;

use super::flags::Flags;
use super::{Failure, open_failed};
use crate::cert::fetch::{self, CONTROLLER_NAME, CONTROLLER_NAMESPACE, Origin, UrlError};
use crate::cluster::{self, Choice};
use crate::io::input::read_file;
use crate::report::{Code, Report};
use crate::service_proxy::Place;

/// The PEM text, unchecked.
pub(super) fn read(flags: &Flags) -> Result<Vec<u8>, Failure> {
    let Some(place) = flags.path("cert") else { return from_cluster(flags) };
    match place.to_str() {
        Some(url) if is_url(url) => from_url(url),
        _ => {
            let path = Path::new(place);
            read_file(path).map(|bytes| bytes.to_vec()).map_err(|error| open_failed(path, &error))
        }
    }
}

fn is_url(text: &str) -> bool {
    ["http://", "https://", "file://"].iter().any(|scheme| text.starts_with(scheme))
}

fn from_url(url: &str) -> Result<Vec<u8>, Failure> {
    if let Some(path) = url.strip_prefix("file://") {
        return read_file(path.as_ref())
            .map(|bytes| bytes.to_vec())
            .map_err(|_| format!("cannot fetch {url:?}: 404 Not Found"));
    }
    if url.starts_with("http://") {
        to_warn("the certificate is fetched over plain HTTP: whoever is on the way can exchange it");
    }
    let answer = cluster::block_on(async { Ok(fetch::from_url(url).await) }).map_err(words)?;
    answer.map_err(|error| match error {
        UrlError::Status(code) => format!("cannot fetch {url:?}: {}", fetch::status_line(code)),
        UrlError::Malformed => format!("cannot fetch {url:?}: not a URL"),
        UrlError::Other(cause) => format!("cannot fetch {url:?}: {cause}"),
    })
}

fn from_cluster(flags: &Flags) -> Result<Vec<u8>, Failure> {
    super::namespace::refuse_overrides(flags)?;
    fetch::fetch(&Origin::Cluster(place(flags))).map_err(|report| match report.code() {
        Code::NoCluster | Code::ControllerNotFound | Code::Kubeconfig => not_found(&report),
        _ => format!("cannot fetch certificate: {}", report.message()),
    })
}

/// Where the flags say that the controller is.
pub(super) fn place(flags: &Flags) -> Place {
    let text = |name: &str, default: &str| flags.text(name).unwrap_or_else(|| default.to_owned());
    Place {
        choice: Choice { kubeconfig: flags.path("kubeconfig").map(Into::into), context: flags.text("context") },
        namespace: text("controller-namespace", CONTROLLER_NAMESPACE),
        name: text("controller-name", CONTROLLER_NAME),
    }
}

/// kubeseal's words for a cluster or a controller that cannot be found.
pub(super) fn not_found(report: &Report) -> Failure {
    match report.code() {
        Code::NoCluster => super::namespace::NO_CONFIGURATION.to_owned(),
        Code::ControllerNotFound => format!(
            "cannot get sealed secret service: {}.\nPlease, use the flag --controller-name and --controller-namespace \
             to set up the name and namespace of the sealed secrets controller",
            report.message()
        ),
        _ => report.message().to_owned(),
    }
}

fn words(report: Report) -> Failure {
    report.message().to_owned()
}

fn to_warn(message: &str) {
    crate::io::output::to_stderr(&format!("warning: {message}\n"));
}
