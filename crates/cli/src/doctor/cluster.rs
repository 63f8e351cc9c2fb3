//! What answers: API server, definition of SealedSecret, controller with its certificate, and the rights that commands need.

use std::path::PathBuf;

use http::Request;
use kube::config::{Config as ClientConfig, Kubeconfig};
use serde_json::{Value, json};

use super::finding::Finding;
use super::{repository, tools};
use crate::cert::{Description, Offer, Wanted, ask};
use crate::cluster::{self, Choice};
use crate::config::{Cluster, Config};
use crate::io::{Source, read};
use crate::report::{Code, Result, chain};
use crate::tree::shown;

pub(super) const AREA: &str = "cluster";
/// What the API server says of SealedSecrets, if it knows them.
const DEFINITION: &str = "/apis/bitnami.com/v1alpha1";
const MAX_ANSWER: u64 = 1 << 20;

/// A right, and what needs it.
struct Right {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    what_for: &'static str,
}

const fn right(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    what_for: &'static str,
) -> Right {
    Right { verb, group, resource, subresource, what_for }
}

const RIGHTS: [Right; 6] = [
    right("get", "", "services", "proxy", "cert fetch, and reseal and verify --online through the controller"),
    right("list", "", "services", "", "finding a controller under another name"),
    right("list", "bitnami.com", "sealedsecrets", "", "keys status of the cluster"),
    right("get", "bitnami.com", "sealedsecrets", "", "edit and seal --update by the cluster"),
    right("get", "", "secrets", "", "edit and unseal by the cluster"),
    right("list", "", "secrets", "", "keys list and keys backup"),
];

/// Looks at the clusters that are chosen, or that `.bulla.yaml` names by their contexts, or at the current one.
pub(super) fn look(choice: &Choice, config: Option<&Config>) -> Vec<Finding> {
    let named: Vec<&Cluster> = config.map(Config::clusters).unwrap_or_default().iter().collect();
    let with_context: Vec<&Cluster> = named.iter().copied().filter(|cluster| cluster.context.is_some()).collect();
    if choice.context.is_some() || choice.kubeconfig.is_some() || with_context.is_empty() {
        let only = match named.as_slice() {
            [only] if only.context.is_none() => Some(*only),
            _ => None,
        };
        return one(choice, only);
    }
    let of = |cluster: &Cluster| Choice { context: cluster.context.clone(), ..choice.clone() };
    with_context.into_iter().flat_map(|cluster| one(&of(cluster), Some(cluster))).collect()
}

/// One cluster; `entry` is what `.bulla.yaml` says of it.
fn one(choice: &Choice, entry: Option<&Cluster>) -> Vec<Finding> {
    let name = choice.context.as_ref().map_or_else(String::new, |context| format!("context {context}: "));
    let mut findings = credential_plugin(choice);
    let asked = cluster::block_on(async {
        match cluster::config(choice).await {
            Ok(config) => questions(config, &name, entry, &mut findings).await,
            Err(report) if report.code() == Code::NoCluster => {
                findings.push(Finding::note(AREA, format!("{name}{}", report.message()), report.cure()));
            }
            Err(report) => findings.push(Finding::of(AREA, &report)),
        }
        Ok(())
    });
    if let Err(report) = asked {
        findings.push(Finding::of(AREA, &report));
    }
    findings
}

async fn questions(config: ClientConfig, name: &str, entry: Option<&Cluster>, findings: &mut Vec<Finding>) {
    let server = config.cluster_url.to_string();
    let client = match cluster::client(config.clone()) {
        Ok(client) => client,
        Err(report) => return findings.push(Finding::of(AREA, &report)),
    };
    match version(&client).await {
        Ok(version) => findings.push(Finding::ok(AREA, format!("{name}{server} answers, Kubernetes {version}"))),
        Err(report) => return findings.push(Finding::of(AREA, &report)),
    }
    findings.push(definition(&client, name).await);
    let namespace = match ask(config, &Wanted::default()).await {
        Ok(offer) => {
            findings.extend(controller(&offer, name, entry));
            offer.namespace
        }
        Err(report) => {
            findings.push(Finding::of(AREA, &report));
            String::new()
        }
    };
    for right in &RIGHTS {
        findings.push(allowed(&client, name, &namespace, right).await);
    }
}

async fn version(client: &kube::Client) -> Result<String> {
    let body = cluster::get(client, "/version", "application/json", MAX_ANSWER)
        .await
        .map_err(|error| cluster::refused("ask for the version", &error))?;
    let version: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(version["gitVersion"].as_str().unwrap_or("of unknown version").to_owned())
}

async fn definition(client: &kube::Client, name: &str) -> Finding {
    match cluster::get(client, DEFINITION, "application/json", MAX_ANSWER).await {
        Ok(_) => Finding::ok(AREA, format!("{name}SealedSecrets are known there")),
        Err(kube::Error::Api(status)) if status.code == 404 => Finding::todo(
            AREA,
            Code::NoDefinition,
            format!("{name}the cluster does not know SealedSecrets"),
            "install the controller with its definition: kubectl apply -f deploy/crd/sealedsecret.yaml",
        ),
        Err(error) => Finding::of(AREA, &cluster::refused("ask what bitnami.com/v1alpha1 is", &error)),
    }
}

/// The controller was found; is its certificate the one that is sealed with?
fn controller(offer: &Offer, name: &str, entry: Option<&Cluster>) -> Vec<Finding> {
    let description = Description::of(&offer.certificate, jiff::Timestamp::now());
    let place = format!("{}/{}", offer.namespace, offer.name);
    let mut findings = vec![Finding::ok(AREA, format!("{name}controller {place}, {}", description.one_line()))];
    findings.extend(description.warnings().iter().map(|why| Finding::note(AREA, format!("{name}{place}: {why}"), "")));
    let Some(entry) = entry else { return findings };
    let has = offer.certificate.fingerprint();
    let stated = entry.fingerprint.clone().or_else(|| in_repository(entry));
    if stated.is_some_and(|stated| stated != *has) {
        let (what, cure) = match &entry.certificate {
            Some(path) => {
                let path = shown(path);
                (format!("the repository seals with another one ({path})"), repository::fetch_command(entry, &path))
            }
            None => ("the repository pins another one".to_owned(), "bulla cert fetch | bulla cert show -".to_owned()),
        };
        findings.push(Finding::todo(
            AREA,
            Code::CertificateChanged,
            format!("{name}the cluster's newest certificate is {has}, and {what}"),
            format!("after a renewal that is so; compare the fingerprint with your administrator, then: {cure}\nand: bulla reseal"),
        ));
    }
    findings
}

fn in_repository(entry: &Cluster) -> Option<bulla_core::sealed::Fingerprint> {
    let pem = read(&Source::File(entry.certificate.clone()?)).ok()?;
    Some(bulla_core::sealed::SealingCertificate::from_pem(&pem).ok()?.fingerprint().clone())
}

/// A right that is missing is not for everybody to mend, and not everybody needs it.
async fn allowed(client: &kube::Client, name: &str, namespace: &str, right: &Right) -> Finding {
    let Right { verb, group, resource, subresource, what_for } = right;
    // Objects of applications are in any namespace; those of the controller in its own.
    let in_own = matches!((*resource, *verb, *subresource), ("services", "get", _) | ("secrets", "list", _));
    let mut attributes = json!({"verb": verb, "group": group, "resource": resource, "subresource": subresource});
    if in_own && !namespace.is_empty() {
        attributes["namespace"] = namespace.into();
    }
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    let resource = if subresource.is_empty() { (*resource).to_owned() } else { format!("{resource}/{subresource}") };
    let place = if in_own && !namespace.is_empty() { format!("in {namespace}") } else { "everywhere".to_owned() };
    let right = format!("{verb} {resource} {place}");
    match review_of(client, &review).await {
        Ok(true) => Finding::ok(AREA, format!("{name}you may {right}")),
        Ok(false) => Finding::note(AREA, format!("{name}you may not {right}; without it: no {what_for}"), ""),
        Err(why) => Finding::note(AREA, format!("{name}the cluster does not say whether you may {right}: {why}"), ""),
    }
}

async fn review_of(client: &kube::Client, review: &Value) -> std::result::Result<bool, String> {
    let request = Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(review.to_string().into_bytes())
        .map_err(|error| error.to_string())?;
    let answer: Value = client.request(request).await.map_err(|error| chain(&error))?;
    let says = |field: &str| answer["status"][field].as_bool().unwrap_or_default();
    Ok(says("allowed") && !says("denied"))
}

/// The program that the kubeconfig calls for credentials.
fn credential_plugin(choice: &Choice) -> Vec<Finding> {
    let read = match &choice.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    // What is wrong with the file is found by those who use it.
    let Ok(kubeconfig) = read else { return Vec::new() };
    let context = choice.context.as_ref().or(kubeconfig.current_context.as_ref());
    let context = kubeconfig.contexts.iter().find(|named| Some(&named.name) == context);
    let user = context.and_then(|named| named.context.as_ref()?.user.clone());
    let auth = kubeconfig.auth_infos.iter().find(|named| Some(&named.name) == user.as_ref());
    let Some(command) = auth.and_then(|named| named.auth_info.as_ref()?.exec.as_ref()?.command.clone()) else {
        return Vec::new();
    };
    let found = tools::find(&command).is_some() || PathBuf::from(&command).is_file();
    vec![if found {
        Finding::ok(AREA, format!("the kubeconfig's credential plugin {command} is there"))
    } else {
        Finding::todo(
            AREA,
            Code::PluginMissing,
            format!("the kubeconfig calls {command} for credentials, and there is no such program"),
            "install it, or put it on the PATH; your provider's documentation says how",
        )
    }]
}
