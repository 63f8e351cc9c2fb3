//! From a path to what is there: a document (discovery, version, health), or the target of a resource request.

use crate::request::Target;
use crate::resource::{Resource, Strategy};
use crate::review::Review;
use crate::status::{Answer, Failure};
use crate::store::State;

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Route {
    /// `/healthz`, `/readyz`, `/livez` and the checks below them.
    Health,
    Version,
    /// `/`: the paths that are served.
    Paths,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`: the group ("" for the core) and the version.
    Resources(String, String),
    /// `/openapi/v3`
    OpenApiIndex,
    /// `/openapi/v3/...`: group and version.
    OpenApi(String, String),
    /// `/apis/authorization.k8s.io/v1/subjectaccessreviews` and others like it.
    Review(&'static Review),
    Resource(Target),
}

/// Finds the route of decoded path segments.
pub(crate) fn route(state: &State, segments: &[&str]) -> Answer<Route> {
    Ok(match segments {
        [] => Route::Paths,
        ["healthz" | "readyz" | "livez", ..] => Route::Health,
        ["version"] => Route::Version,
        ["api"] => Route::CoreVersions,
        ["apis"] => Route::Groups,
        ["apis", group] => Route::Group((*group).to_owned()),
        ["api", "v1"] => Route::Resources(String::new(), "v1".to_owned()),
        ["apis", group, version] => Route::Resources((*group).to_owned(), (*version).to_owned()),
        ["openapi", "v3"] => Route::OpenApiIndex,
        ["openapi", "v3", "api", version] => Route::OpenApi(String::new(), (*version).to_owned()),
        ["openapi", "v3", "apis", group, version] => Route::OpenApi((*group).to_owned(), (*version).to_owned()),
        ["api", "v1", rest @ ..] => Route::Resource(target(state, "", "v1", rest)?),
        ["apis", group, version, plural] if let Some(review) = Review::find(group, version, plural) => {
            Route::Review(review)
        }
        ["apis", group, version, rest @ ..] => Route::Resource(target(state, group, version, rest)?),
        _ => return Err(Failure::no_such_path()),
    })
}

fn target(state: &State, group: &str, version: &str, rest: &[&str]) -> Answer<Target> {
    let (namespace, rest) = match rest {
        // `/namespaces/x` and its subresources are namespaces themselves.
        ["namespaces", _, "status" | "finalize"] | ["namespaces", _] if group.is_empty() => ("", rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        rest => ("", rest),
    };
    let (plural, name, status) = match rest {
        [plural] => (*plural, "", false),
        [plural, name] => (*plural, *name, false),
        [plural, name, "status"] => (*plural, *name, true),
        [plural, name, "scale"] if let Some(resource) = custom(state, group, plural) => {
            return Err(Failure::not_found(resource.about(name)));
        }
        [_, _, subresource, ..] => {
            return Err(Failure::new(
                404,
                "NotFound",
                format!("the subresource {subresource:?} is not served by devcluster"),
            ));
        }
        [] => return Err(Failure::no_such_path()),
    };
    let resource = state.resource(group, plural).ok_or_else(Failure::no_such_path)?;
    let served = resource.served_version(version).ok_or_else(Failure::no_such_path)?;
    let misplaced = if resource.namespaced { namespace.is_empty() && !name.is_empty() } else { !namespace.is_empty() };
    if misplaced || (status && !served.status) {
        return Err(Failure::no_such_path());
    }
    Ok(Target {
        resource: resource.clone(),
        version: version.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        status,
    })
}

/// A custom kind: none of ours has a scale, which the real API server words otherwise than what it does not know at all.
fn custom<'a>(state: &'a State, group: &str, plural: &str) -> Option<&'a Resource> {
    state.resource(group, plural).map(|resource| &**resource).filter(|resource| resource.strategy == Strategy::Custom)
}
