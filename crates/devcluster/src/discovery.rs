//! What the server says of itself: groups, versions and resources (aggregated and one by one), its version, and stub
//! OpenAPI documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::resource::Resource;
use crate::review::{self, REVIEWS, Review};
use crate::status::{Answer, Failure};
use crate::store::State;

/// The versions of a group, with what each serves; the order is the order of preference.
type Groups = BTreeMap<String, Vec<(String, Vec<Arc<Resource>>)>>;

fn groups(state: &State) -> Groups {
    let mut groups = Groups::new();
    for resource in state.resources() {
        let versions = groups.entry(resource.group.clone()).or_default();
        for version in resource.served() {
            match versions.iter_mut().find(|(name, _)| *name == version.name) {
                Some((_, resources)) => resources.push(Arc::clone(resource)),
                None => versions.push((version.name.clone(), vec![Arc::clone(resource)])),
            }
        }
    }
    for versions in groups.values_mut() {
        versions.sort_by_key(|(name, _)| std::cmp::Reverse(priority(name)));
    }
    groups
}

/// Kubernetes' order of versions: stable before beta before alpha, higher before lower.
fn priority(version: &str) -> (u8, u32, u32) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let (stability, minor) = match &rest[digits..] {
            "" => (3, 0),
            suffix if suffix.starts_with("beta") => (2, suffix[4..].parse().ok()?),
            suffix => (1, suffix.strip_prefix("alpha")?.parse().ok()?),
        };
        Some((stability, major, minor))
    };
    parse().unwrap_or((0, 0, 0))
}

/// `/version`
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "32",
        "gitVersion": concat!("v1.32.0+bulla-devcluster.", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// `/`
pub(crate) fn paths(state: &State) -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for (group, version) in group_versions(state).into_iter().filter(|(group, _)| !group.is_empty()) {
        paths.push(format!("/apis/{group}/{version}"));
    }
    paths.extend(review_groups().map(|group| format!("/apis/{group}/{}", review::VERSION)));
    paths.sort();
    paths.extend(["/healthz", "/livez", "/openapi/v3", "/readyz", "/version"].map(str::to_owned));
    json!({ "paths": paths })
}

/// `/api` and `/apis` as one `APIGroupDiscoveryList`.
pub(crate) fn aggregated(state: &State, core: bool, version: &str) -> Value {
    let mut items: Vec<Value> = groups(state)
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|(version, resources)| {
                    let resources: Vec<Value> =
                        resources.iter().map(|resource| aggregated_resource(resource, version)).collect();
                    json!({ "version": version, "freshness": "Current", "resources": resources })
                })
                .collect();
            let metadata = if core {
                json!({ "creationTimestamp": null })
            } else {
                json!({ "name": group, "creationTimestamp": null })
            };
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    if !core {
        items.extend(review_groups().map(aggregated_reviews));
    }
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    })
}

/// The groups that have nothing but reviews.
fn review_groups() -> impl Iterator<Item = &'static str> {
    let mut groups: Vec<&str> = REVIEWS.iter().map(|review| review.group).collect();
    groups.dedup();
    groups.into_iter()
}

fn aggregated_reviews(group: &str) -> Value {
    let resources: Vec<Value> = Review::of(group, review::VERSION)
        .map(|review| {
            json!({
                "resource": review.plural,
                "responseKind": { "group": group, "version": review::VERSION, "kind": review.kind },
                "scope": "Cluster",
                "singularResource": review.singular,
                "verbs": ["create"],
            })
        })
        .collect();
    json!({
        "metadata": { "name": group, "creationTimestamp": null },
        "versions": [{ "version": review::VERSION, "freshness": "Current", "resources": resources }],
    })
}

fn aggregated_resource(resource: &Resource, version: &str) -> Value {
    let kind = json!({ "group": resource.group, "version": version, "kind": resource.kind });
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": kind,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs(),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if resource.served_version(version).is_some_and(|version| version.status) {
        entry["subresources"] =
            json!([{ "subresource": "status", "responseKind": kind, "verbs": ["get", "patch", "update"] }]);
    }
    entry
}

/// `/api`
pub(crate) fn core_versions() -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [],
    })
}

/// `/apis`
pub(crate) fn group_list(state: &State) -> Value {
    let mut list: Vec<Value> = groups(state)
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| {
            let names: Vec<String> = versions.into_iter().map(|(name, _)| name).collect();
            group_entry(&group, &names)
        })
        .collect();
    list.extend(review_groups().map(|group| group_entry(group, &[review::VERSION.to_owned()])));
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": list })
}

/// `/apis/GROUP`
pub(crate) fn group(state: &State, name: &str) -> Answer<Value> {
    let mut list = group_list(state);
    let groups = list["groups"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let mut found = groups.into_iter().find(|group| group["name"] == name).ok_or_else(Failure::no_such_path)?;
    found["kind"] = json!("APIGroup");
    found["apiVersion"] = json!("v1");
    Ok(found)
}

fn group_entry(group: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{group}/{version}"), "version": version }))
        .collect();
    json!({ "name": group, "preferredVersion": versions.first(), "versions": versions })
}

/// `/api/v1` and `/apis/GROUP/VERSION`
pub(crate) fn resources(state: &State, group: &str, version: &str) -> Answer<Value> {
    let mut entries = Vec::new();
    for resource in in_version(state, group, version) {
        let mut entry = json!({
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": resource.verbs(),
            "storageVersionHash": storage_hash(resource),
        });
        for (field, names) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
            if !names.is_empty() {
                entry[field] = json!(names);
            }
        }
        entries.push(entry);
        if resource.served_version(version).is_some_and(|version| version.status) {
            entries.push(json!({
                "name": format!("{}/status", resource.plural),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": ["get", "patch", "update"],
            }));
        }
    }
    entries.extend(Review::of(group, version).map(|review| {
        json!({
            "name": review.plural,
            "singularName": review.singular,
            "namespaced": false,
            "kind": review.kind,
            "verbs": ["create"],
        })
    }));
    if entries.is_empty() {
        return Err(Failure::no_such_path());
    }
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok(json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": entries }))
}

/// Says in which version objects are stored, without saying which.
fn storage_hash(resource: &Resource) -> String {
    let version = resource.versions.iter().find(|version| version.storage).map_or("", |version| &version.name);
    let text = format!("{}/{version}/{}", resource.group, resource.kind);
    STANDARD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..8])
}

fn in_version<'a>(
    state: &'a State,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'a Arc<Resource>> + use<'a> {
    state.resources().filter(move |resource| resource.group == group && resource.served_version(version).is_some())
}

fn group_versions(state: &State) -> Vec<(String, String)> {
    groups(state)
        .into_iter()
        .flat_map(|(group, versions)| versions.into_iter().map(move |(version, _)| (group.clone(), version)))
        .collect()
}

/// `/openapi/v3`
pub(crate) fn openapi_index(state: &State) -> Value {
    let paths: serde_json::Map<String, Value> = group_versions(state)
        .into_iter()
        .map(|(group, version)| {
            let path = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
            // The resource version serves as the hash: clients cache a document by it.
            let url = format!("/openapi/v3/{path}?hash={}", state.version);
            (path, json!({ "serverRelativeURL": url }))
        })
        .collect();
    json!({ "paths": paths })
}

/// One OpenAPI document: the paths and kinds, with schemas that accept anything. It says that `fieldValidation` is
/// understood, so that kubectl leaves validation to the server.
pub(crate) fn openapi(state: &State, group: &str, version: &str) -> Answer<Value> {
    let mut paths = serde_json::Map::new();
    let mut schemas = serde_json::Map::new();
    for resource in in_version(state, group, version) {
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let scope = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
        let collection = format!("{root}{scope}/{}", resource.plural);
        let kind = json!({ "group": group, "version": version, "kind": resource.kind });
        let operation = |action: &str| {
            json!({
                "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": kind,
                "parameters": [
                    { "name": "dryRun", "in": "query", "schema": { "type": "string", "uniqueItems": true } },
                    { "name": "fieldValidation", "in": "query", "schema": { "type": "string", "uniqueItems": true } },
                ],
                "responses": { "200": { "description": "OK" } },
            })
        };
        paths.insert(format!("{collection}/{{name}}"), json!({ "put": operation("put"), "patch": operation("patch") }));
        paths.insert(collection, json!({ "post": operation("post") }));
        schemas.insert(
            format!("devcluster.{}.{version}.{}", if group.is_empty() { "core" } else { group }, resource.kind),
            json!({
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "x-kubernetes-group-version-kind": [kind],
            }),
        );
    }
    if paths.is_empty() {
        return Err(Failure::no_such_path());
    }
    Ok(json!({
        "openapi": "3.0.0",
        "info": { "title": "bulla devcluster", "version": "v1.32.0" },
        "paths": paths,
        "components": { "schemas": schemas },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_preferred_as_kubernetes_does() {
        let mut versions = ["v1alpha1", "v2", "foo", "v1", "v1beta2", "v1beta10"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v2", "v1", "v1beta10", "v1beta2", "v1alpha1", "foo"]);
    }
}
