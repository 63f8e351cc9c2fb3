//! Asking a cluster for its sealing certificate: upstream's Service first, then any that carries the controller's labels.

use bulla_core::sealed::SealingCertificate;
use kube::Client;
use serde_json::Value;

use super::fetch::{ACCEPT, CONTROLLER_NAME, CONTROLLER_NAMESPACE, MAX_BYTES};
use crate::cluster::{self, Choice};
use crate::report::{Code, Report, Result, bad_certificate};
use crate::service_proxy::Place;

/// Labels of the controller's Services: in upstream's manifests, and in its Helm chart under any release name.
const LABELS: [&str; 2] = ["name=sealed-secrets-controller", "app.kubernetes.io/name=sealed-secrets"];
/// A list of a few Services is small.
const MAX_LIST: u64 = 4 << 20;

/// What is known of the controller beforehand, from flags and variables. Nothing: it is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its namespace.
    pub(crate) namespace: Option<String>,
    /// The name of its Service.
    pub(crate) name: Option<String>,
}

/// A certificate, and which Service offered it.
pub(crate) struct Offer {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) certificate: SealingCertificate,
    /// As it came.
    pub(crate) pem: Vec<u8>,
}

/// Finds the controller and asks it.
pub(crate) async fn ask(config: kube::Config, wanted: &Wanted) -> Result<Offer> {
    let client = cluster::client(config)?;
    // A controller that publishes its certificate in a ConfigMap will be asked that way first, here: it takes fewer rights.
    through_proxy(&client, wanted).await
}

async fn through_proxy(client: &Client, wanted: &Wanted) -> Result<Offer> {
    let usual = |wanted: &Option<String>, usual: &str| wanted.clone().unwrap_or_else(|| usual.to_owned());
    let place = place(usual(&wanted.namespace, CONTROLLER_NAMESPACE), usual(&wanted.name, CONTROLLER_NAME));
    let (place, path) = match place.find(client).await {
        Ok(path) => (place, path),
        Err(report) if report.code() == Code::ControllerNotFound && wanted.is_open() => {
            let place = by_label(client, wanted, report).await?;
            let path = place.find(client).await?;
            (place, path)
        }
        Err(report) => return Err(report),
    };
    let Place { namespace, name, .. } = place;
    let pem = cluster::get(client, &format!("{path}/v1/cert.pem"), ACCEPT, MAX_BYTES)
        .await
        .map_err(|error| cluster::refused(&format!("fetch the certificate from Service {namespace}/{name}"), &error))?;
    let certificate = SealingCertificate::from_pem(&pem)
        .map_err(|error| bad_certificate(&format!("the certificate of {namespace}/{name}"), &error))?;
    Ok(Offer { namespace, name, certificate, pem })
}

fn place(namespace: String, name: String) -> Place {
    Place { choice: Choice::default(), namespace, name }
}

/// The only Service of a controller in all namespaces. `not_found` is what to say when there is none.
async fn by_label(client: &Client, wanted: &Wanted, not_found: Report) -> Result<Place> {
    let mut found = Vec::new();
    for selector in LABELS {
        let selector = selector.replace('/', "%2F").replace('=', "%3D");
        let path = format!("/api/v1/services?labelSelector={selector}");
        match cluster::get(client, &path, "application/json", MAX_LIST).await {
            Ok(list) => collect(&serde_json::from_slice(&list).unwrap_or_default(), wanted, &mut found),
            Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => {
                let message = format!("{}, and you may not look in all namespaces", not_found.message());
                return Err(Report::new(Code::ControllerNotFound, message).hint(
                    "ask your administrator where it is, then: --controller-namespace NAMESPACE --controller-name NAME",
                ));
            }
            // Whatever it is, the first finding is the one to show.
            Err(_) => return Err(not_found),
        }
    }
    match found.as_slice() {
        [] => Err(not_found),
        [(namespace, name)] => Ok(place(namespace.clone(), name.clone())),
        several => Err(ambiguous(several)),
    }
}

/// Adds the Services of a list that can be the controller's: not those of its metrics.
fn collect(list: &Value, wanted: &Wanted, found: &mut Vec<(String, String)>) {
    for item in list["items"].as_array().into_iter().flatten() {
        let metadata = &item["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text("namespace"), text("name"));
        let metrics = name.ends_with("-metrics") || metadata["labels"]["app.kubernetes.io/component"] == "metrics";
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        let place = (namespace, name);
        if !metrics && fits(&wanted.namespace, &place.0) && fits(&wanted.name, &place.1) && !found.contains(&place) {
            found.push(place);
        }
    }
}

fn ambiguous(several: &[(String, String)]) -> Report {
    let list: Vec<String> = several.iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect();
    let choose =
        several.iter().map(|(namespace, name)| format!("--controller-namespace {namespace} --controller-name {name}"));
    Report::new(
        Code::SeveralControllers,
        format!("there are {} Sealed Secrets controllers in the cluster: {}", several.len(), list.join(", ")),
    )
    .hint(format!("say which one:\n{}", choose.collect::<Vec<_>>().join("\n")))
}

impl Wanted {
    /// Whether something is left to look for.
    fn is_open(&self) -> bool {
        self.namespace.is_none() || self.name.is_none()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services_of_metrics_are_no_controllers_and_flags_narrow() {
        let service = |namespace: &str, name: &str| json!({"metadata": {"namespace": namespace, "name": name}});
        let mut metrics = service("a", "numbers");
        metrics["metadata"]["labels"] = json!({"app.kubernetes.io/component": "metrics"});
        let list = json!({"items": [service("a", "x"), service("b", "y"), service("a", "x-metrics"), metrics, service("a", "x")]});
        let found = |wanted: &Wanted| {
            let mut found = Vec::new();
            collect(&list, wanted, &mut found);
            found.into_iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect::<Vec<_>>()
        };
        assert_eq!(found(&Wanted::default()), ["a/x", "b/y"]);
        assert_eq!(found(&Wanted { namespace: Some("b".to_owned()), name: None }), ["b/y"]);
        assert_eq!(found(&Wanted { namespace: None, name: Some("z".to_owned()) }), [] as [&str; 0]);
    }
}
