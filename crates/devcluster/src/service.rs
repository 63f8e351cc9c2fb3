//! One request, from HTTP to HTTP: authentication, routing, dispatch. Every refusal becomes a `Status`.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, header};
use serde_json::{Value, json};

use crate::access::{API_AUDIENCE, AccessRule, Account, Question, bearer};
use crate::body::{self, ResponseBody, respond, respond_object, respond_value};
use crate::cluster::Inner;
use crate::crud::{self, DeleteOptions};
use crate::discovery;
use crate::gc::Deleted;
use crate::list;
use crate::object::{Object, Stored, View};
use crate::patch::Patch;
use crate::protobuf;
use crate::request::{Offer, Query, Shape, Target, decode, dry_run, shape};
use crate::resource::Strategy;
use crate::review::{Known, Review};
use crate::route::{Route, route};
use crate::status::{About, Answer, Failure, qualify};
use crate::table::Layout;
use crate::watch;
use crate::write::Write;

/// The API as a [`tower::Service`]. Cheap to clone; always ready; never fails, but answers with a `Status`.
#[derive(Clone)]
pub struct DevClusterService {
    cluster: Arc<Inner>,
    /// Who all callers are; without it, their tokens say so.
    caller: Option<Arc<Account>>,
}

impl DevClusterService {
    pub(crate) fn new(cluster: Arc<Inner>, caller: Option<Account>) -> Self {
        Self { cluster, caller: caller.map(Arc::new) }
    }
}

impl std::fmt::Debug for DevClusterService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DevClusterService").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl<B> tower::Service<Request<B>> for DevClusterService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let caller = match &service.caller {
                Some(caller) => Some(&**caller),
                None => authenticated(&parts.headers, &service.cluster.accounts),
            };
            let Some(caller) = caller else { return Ok(Failure::unauthorized().respond()) };
            let answered = answer(&service.cluster, caller, &parts, body).await;
            let response = answered.unwrap_or_else(|failure| failure.respond());
            tracing::debug!(
                method = %parts.method,
                path = parts.uri.path(),
                status = response.status().as_u16(),
                "answered"
            );
            Ok(response)
        })
    }
}

/// Whose token a request has, if that is for the API server.
fn authenticated<'a>(headers: &HeaderMap, accounts: &'a [Account]) -> Option<&'a Account> {
    let token = headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")?;
    bearer(accounts, token).filter(|account| account.audiences().contains(&API_AUDIENCE))
}

async fn answer<B: http_body::Body<Data = Bytes>>(
    cluster: &Arc<Inner>,
    caller: &Account,
    parts: &Parts,
    body: B,
) -> Answer<Response<ResponseBody>> {
    let segments: Vec<String> =
        parts.uri.path().split('/').filter(|segment| !segment.is_empty()).map(decode).collect::<Answer<_>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let route = route(&cluster.store.read(), &segments)?;
    match route {
        Route::Resource(target) if parts.method == Method::GET => {
            on_resource(cluster, caller, parts, body, &target, &query).await
        }
        Route::Resource(target) => {
            cluster.store.intact()?;
            let response = on_resource(cluster, caller, parts, body, &target, &query).await;
            // A change that could not be kept must not be acknowledged.
            cluster.store.intact().and(response)
        }
        Route::Review(kind) => review(cluster, caller, parts, body, kind).await,
        document if parts.method == Method::GET => self::document(cluster, parts, document),
        _ => Err(Failure::method_not_allowed()),
    }
}

fn document(cluster: &Inner, parts: &Parts, route: Route) -> Answer<Response<ResponseBody>> {
    let state = cluster.store.read();
    let value = match route {
        Route::Health => {
            let mut response = respond(200, ResponseBody::whole("ok"));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
            return Ok(response);
        }
        Route::CoreVersions | Route::Groups => {
            let core = matches!(route, Route::CoreVersions);
            if let Shape::Discovery(version) = shape(&parts.headers, Offer::Discovery)? {
                let mut response = respond_value(200, &discovery::aggregated(&state, core, version));
                let kind = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
                if let Ok(kind) = header::HeaderValue::from_str(&kind) {
                    response.headers_mut().insert(header::CONTENT_TYPE, kind);
                }
                return Ok(response);
            }
            if core { discovery::core_versions() } else { discovery::group_list(&state) }
        }
        Route::Version => discovery::version(),
        Route::Paths => discovery::paths(&state),
        Route::Group(group) => discovery::group(&state, &group)?,
        Route::Resources(group, version) => discovery::resources(&state, &group, &version)?,
        Route::OpenApiIndex => discovery::openapi_index(&state),
        Route::OpenApi(group, version) => discovery::openapi(&state, &group, &version)?,
        Route::Review(_) | Route::Resource(_) => return Err(Failure::method_not_allowed()),
    };
    Ok(respond_value(200, &value))
}

async fn review<B: http_body::Body<Data = Bytes>>(
    cluster: &Inner,
    caller: &Account,
    parts: &Parts,
    body: B,
    kind: &Review,
) -> Answer<Response<ResponseBody>> {
    if parts.method != Method::POST {
        return Err(Failure::method_not_allowed());
    }
    cluster.count("create", kind.id());
    let rules = cluster.rules();
    let about = About { group: kind.group, plural: kind.plural, kind: kind.kind, name: "" };
    authorize(&rules, caller, "create", about, "", "")?;
    let (body, _) = object_body(parts, body).await?;
    let known = Known { caller, accounts: &cluster.accounts, rules: &rules };
    Ok(respond_value(201, &kind.answer(body, &known)?))
}

/// 403 for what the rules deny the caller. `subresource` begins with a slash.
fn authorize(
    rules: &[AccessRule],
    caller: &Account,
    verb: &str,
    about: About<'_>,
    subresource: &str,
    namespace: &str,
) -> Answer<()> {
    let resource = format!("{}{subresource}", qualify(about.plural, about.group));
    let (user, groups) = (caller.username.as_str(), caller.groups.as_slice());
    let question = Question { user, groups, verb, resource: &resource, namespace };
    if question.allowed_by(rules) {
        return Ok(());
    }
    Err(Failure::denied(about, user, verb, subresource, namespace))
}

async fn on_resource<B: http_body::Body<Data = Bytes>>(
    cluster: &Arc<Inner>,
    caller: &Account,
    parts: &Parts,
    body: B,
    target: &Target,
    query: &Query,
) -> Answer<Response<ResponseBody>> {
    let collection = target.name.is_empty();
    let verb = match parts.method {
        Method::GET if collection && query.flag("watch") => "watch",
        Method::GET if collection => "list",
        Method::GET => "get",
        // Objects are made and collections deleted in a namespace, not across all.
        Method::POST | Method::DELETE if collection && target.resource.namespaced && target.namespace.is_empty() => {
            return Err(Failure::method_not_allowed());
        }
        Method::POST if collection => "create",
        Method::DELETE if collection => "deletecollection",
        Method::PUT if !collection => "update",
        Method::PATCH if !collection => "patch",
        Method::DELETE if !collection && !target.status => "delete",
        _ => return Err(Failure::method_not_allowed()),
    };
    if !target.status && !target.resource.verbs().contains(&verb) {
        return Err(Failure::method_not_allowed());
    }
    let mut resource = target.id();
    if target.status {
        resource.push_str("/status");
    }
    cluster.count(verb, resource);
    let subresource = if target.status { "/status" } else { "" };
    authorize(&cluster.rules(), caller, verb, target.about(), subresource, &target.namespace)?;

    let offer = if matches!(verb, "get" | "list" | "watch") { Offer::Read } else { Offer::Write };
    let shape = shape(&parts.headers, offer)?;
    let view = match shape {
        Shape::Metadata => View::partial(),
        _ => View::full(&target.api_version(), &target.resource.kind),
    };
    let store = &cluster.store;
    match verb {
        "watch" => Ok(respond(200, ResponseBody::events(watch::open(cluster, target, query, shape)?))),
        "list" => {
            let page = list::page(&store.read(), target, query)?;
            if let Shape::Table(version) = shape {
                let layout = Layout::new(target, query, version)?;
                return Ok(respond(200, ResponseBody::whole(page.into_table(&layout))));
            }
            Ok(respond(200, ResponseBody::list(page.into_body(target, shape))))
        }
        "get" => {
            let object = crud::get(&store.read(), target)?;
            if let Shape::Table(version) = shape {
                let layout = Layout::new(target, query, version)?;
                return Ok(respond(200, ResponseBody::whole(table_of(&layout, &object))));
            }
            Ok(respond_object(200, &view, &object))
        }
        "create" => {
            let mut write = Write::parse(query, &parts.headers, "CreateOptions")?;
            let object = write.take(object_body(parts, body).await?);
            let created = crud::create(&mut store.write(), target, object, &mut write)?;
            Ok(warned(respond_object(201, &view, &created), target, &write))
        }
        "update" => {
            let mut write = Write::parse(query, &parts.headers, "UpdateOptions")?;
            let object = write.take(object_body(parts, body).await?);
            let updated = crud::update(&mut store.write(), target, object, &mut write)?;
            Ok(warned(respond_object(200, &view, &updated), target, &write))
        }
        "patch" => {
            let mut write = Write::parse_patch(query, &parts.headers, content_type(parts))?;
            if write.apply.is_some() {
                let config = write.take(body::yaml_object(&body::read(body).await?)?);
                let (applied, made) = crud::apply(&mut store.write(), target, config, &mut write)?;
                let code = if made { 201 } else { 200 };
                return Ok(warned(respond_object(code, &view, &applied), target, &write));
            }
            let custom = target.resource.strategy == Strategy::Custom;
            let (patch, duplicates) = Patch::parse(content_type(parts), &body::read(body).await?, custom)?;
            let mut state = store.write();
            let old = crud::get(&state, target)?;
            let patched = write.take((patch.apply(&target.resource.plural, with_type(target, &old))?, duplicates));
            let updated = crud::update_patched(&mut state, target, &old, patched, &mut write)?;
            drop(state);
            Ok(warned(respond_object(200, &view, &updated), target, &write))
        }
        "delete" => {
            let options = delete_options(parts, body, query).await?;
            let deleted = crud::delete(&mut store.write(), target, &options)?;
            Ok(respond_deleted(target, &view, &deleted))
        }
        _ => {
            let options = delete_options(parts, body, query).await?;
            delete_collection(cluster, target, query, shape, &options)
        }
    }
}

/// A table of one object.
fn table_of(layout: &Layout, object: &Stored) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let metadata = json!({ "resourceVersion": object.version.to_string() });
    layout.append(&metadata, true, std::iter::once(object), &mut out);
    out.push(b'\n');
    out
}

fn delete_collection(
    cluster: &Inner,
    target: &Target,
    query: &Query,
    shape: Shape,
    options: &DeleteOptions,
) -> Answer<Response<ResponseBody>> {
    let mut state = cluster.store.write();
    let page = list::page(&state, target, query)?;
    for item in &page.items {
        let one = Target {
            resource: Arc::clone(&target.resource),
            version: target.version.clone(),
            namespace: item.key.namespace.to_string(),
            name: item.key.name.to_string(),
            status: false,
        };
        match crud::delete(&mut state, &one, options) {
            // Gone with its owner a moment ago.
            Err(failure) if failure.code == 404 => (),
            other => drop(other?),
        }
    }
    drop(state);
    Ok(respond(200, ResponseBody::list(page.into_body(target, shape))))
}

/// The answer with a `Warning` header for each field that was dropped or there twice.
fn warned(mut response: Response<ResponseBody>, target: &Target, write: &Write) -> Response<ResponseBody> {
    for warning in write.warnings(target.resource.strategy == Strategy::Custom) {
        response.headers_mut().append(header::WARNING, warning);
    }
    response
}

/// The object as a patch sees it.
fn with_type(target: &Target, object: &Stored) -> Object {
    let mut object = object.thaw();
    object.insert("apiVersion".into(), Value::String(target.api_version()));
    object.insert("kind".into(), Value::String(target.resource.kind.clone()));
    object
}

fn respond_deleted(target: &Target, view: &View, deleted: &Deleted) -> Response<ResponseBody> {
    match deleted {
        Deleted::Waiting(object) => respond_object(200, view, object),
        // The real one answers the deletion of a Pod with the Pod.
        Deleted::Gone(object) if target.resource.strategy == Strategy::Pod => respond_object(200, view, object),
        Deleted::Gone(object) => {
            let mut details = json!({ "name": target.name, "kind": target.resource.plural, "uid": &*object.uid });
            if !target.resource.group.is_empty() {
                details["group"] = json!(target.resource.group);
            }
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
            });
            respond_value(200, &status)
        }
    }
}

fn content_type(parts: &Parts) -> &str {
    let header = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim()
}

/// The object, and the paths of fields that are in it twice.
async fn object_body<B: http_body::Body<Data = Bytes>>(parts: &Parts, body: B) -> Answer<(Object, Vec<String>)> {
    // The type first: it can be refused without reading anything.
    let decode = decoder(parts)?;
    decode(&body::read(body).await?)
}

/// How a body of some media type becomes an object.
type Decoder = fn(&[u8]) -> Answer<(Object, Vec<String>)>;

fn decoder(parts: &Parts) -> Answer<Decoder> {
    match content_type(parts) {
        "" | "application/json" => Ok(body::object),
        "application/yaml" => Ok(body::yaml_object),
        protobuf::MEDIA_TYPE => Ok(protobuf::object),
        _ => Err(Failure::unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: application/json, \
             application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

async fn delete_options<B: http_body::Body<Data = Bytes>>(
    parts: &Parts,
    body: B,
    query: &Query,
) -> Answer<DeleteOptions> {
    let body = body::read(body).await?;
    let given = if body.is_empty() { Object::new() } else { decoder(parts)?(&body)?.0 };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let preconditions = given.get("preconditions");
    let policy = text(given.get("propagationPolicy")).or_else(|| text(Some(&json!(query.text("propagationPolicy")))));
    let orphan = match policy.as_deref() {
        None => given.get("orphanDependents") == Some(&Value::Bool(true)) || query.flag("orphanDependents"),
        Some("Orphan") => true,
        Some("Background" | "Foreground") => false,
        Some(other) => {
            let about = About { group: "meta.k8s.io", plural: "", kind: "DeleteOptions", name: "" };
            let allowed = &["Foreground", "Background", "Orphan", "nil"];
            let wrong = crate::status::FieldError::unsupported("propagationPolicy", other, allowed);
            return Err(Failure::invalid(about, vec![wrong]));
        }
    };
    let in_body = given.get("dryRun").and_then(Value::as_array).into_iter().flatten();
    Ok(DeleteOptions {
        uid: text(preconditions.and_then(|all| all.get("uid"))),
        version: text(preconditions.and_then(|all| all.get("resourceVersion"))),
        orphan,
        dry_run: dry_run(in_body.map(|value| value.as_str().unwrap_or_default()), "DeleteOptions")?
            || dry_run(query.all("dryRun"), "DeleteOptions")?,
    })
}
