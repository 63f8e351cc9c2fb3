//! Whether the controller opens each value: in batches for a caller that it knows, else object by object, which every caller may
//! ask a few times a second.

use std::borrow::Cow;

use bulla_core::sealed::{ResealItem, ResealStatus, Scope};
use http::StatusCode;

use super::file::Facts;
use super::finding::Finding;
use super::rules::Rule;
use crate::cluster;
use crate::io::Console;
use crate::progress::Progress;
use crate::report::{Code, Report, Result, harmless};
use crate::reseal::online::{Asker, Identity, Options};
use crate::service_proxy::{Controller, Place};

/// Asks about everything that is well-formed.
pub(super) fn check(
    files: &[Facts],
    place: &Place,
    identity: Option<&Identity>,
    console: Console,
) -> Result<Vec<Finding>> {
    match identity {
        Some(identity) => in_batches(files, &Options { place: place.clone(), identity: identity.clone() }),
        None => one_by_one(files, place, console),
    }
}

fn in_batches(files: &[Facts], options: &Options) -> Result<Vec<Finding>> {
    let values =
        || files.iter().flat_map(|facts| facts.values.iter().map(move |value| (&facts.objects[value.object], value)));
    let askable = || {
        values().filter(|(object, value)| {
            (value.scope == Scope::ClusterWide || !object.namespace.is_empty())
                && (value.scope != Scope::Strict || !object.name.is_empty())
        })
    };
    let items = askable().map(|(object, value)| ResealItem {
        id: Cow::from(""),
        namespace: Cow::from(&object.namespace),
        name: Cow::from(&object.name),
        scope: value.scope,
        value: Cow::from(&value.text),
    });
    let statuses = Asker::connect(options)?.ask(items.collect())?;
    Ok(askable()
        .zip(statuses)
        .filter(|(_, status)| *status == ResealStatus::Failed)
        .map(|((object, value), _)| {
            Finding::new(
                Rule::DoesNotOpen,
                &object.file,
                Some(value.at),
                "no key of the cluster opens it for this scope, namespace and name",
            )
            .of(&format!("{}/{}", object.namespace, object.name), &harmless(&value.key))
        })
        .collect())
}

fn one_by_one(files: &[Facts], place: &Place, console: Console) -> Result<Vec<Finding>> {
    let objects: Vec<_> = files.iter().flat_map(|facts| &facts.objects).collect();
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let progress = Progress::new("SealedSecrets", objects.len(), console);
    cluster::block_on(async {
        let controller = Controller::find(place).await?;
        let mut findings = Vec::new();
        for object in objects {
            let Some(json) = &object.json else { continue };
            let answer = controller.post("/v1/verify", json.to_string().as_bytes()).await;
            let answer =
                answer.map_err(|error| Report::new(Code::VerifyRefused, format!("ask the controller: {error}")))?;
            match answer.status {
                StatusCode::OK => {}
                StatusCode::CONFLICT => findings.push(
                    Finding::new(
                        Rule::DoesNotOpen,
                        &object.file,
                        Some(object.at),
                        "the controller cannot open one of its values",
                    )
                    .of(&format!("{}/{}", object.namespace, object.name), ""),
                ),
                _ => {
                    let message =
                        format!("{}: the controller does not answer the question: {}", object.file, answer.words());
                    return Err(Report::new(Code::VerifyRefused, message).hint(
                        "for many objects ask in batches: --service-account NAMESPACE/ACCOUNT, or --token-file FILE",
                    ));
                }
            }
            progress.step();
        }
        Ok(findings)
    })
}
