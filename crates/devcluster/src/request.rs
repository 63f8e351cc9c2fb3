//! What a request asks for, parsed once: query parameters, the accepted representation, and the target of a path.

use std::sync::Arc;

use http::HeaderMap;
use http::header::ACCEPT;

use crate::resource::Resource;
use crate::status::{Answer, Failure, FieldError};

/// The query parameters, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Answer<Self> {
        text.split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?))
            })
            .collect::<Answer<_>>()
            .map(Self)
    }

    /// The value of a parameter; "" is as good as absent for the API server.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Go's idea of a flag in a query: present, and not `false` or `0`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.iter().any(|(key, value)| key == name && !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    pub(crate) fn number(&self, name: &str) -> Answer<Option<u64>> {
        match self.text(name) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Failure::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))),
        }
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the values of `dryRun`, from a query or from DeleteOptions: whether nothing is to be stored. Any other value than
/// `All` is refused.
pub(crate) fn dry_run<'a>(values: impl Iterator<Item = &'a str>, kind: &'static str) -> Answer<bool> {
    let values: Vec<&str> = values.collect();
    if values.iter().any(|value| *value != "All") {
        let about = crate::status::About { group: "meta.k8s.io", plural: "", kind, name: "" };
        let given = serde_json::json!(values);
        return Err(Failure::invalid(about, vec![FieldError::unsupported_value("dryRun", &given, &["All".into()])]));
    }
    Ok(!values.is_empty())
}

/// Undoes percent-encoding.
pub(crate) fn decode(text: &str) -> Answer<String> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let wrong = || Failure::bad_request("the URL is not valid: wrong percent-encoding");
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(wrong);
        let value = digit()? * 16 + digit()?;
        out.push(u8::try_from(value).map_err(|_| wrong())?);
    }
    String::from_utf8(out).map_err(|_| wrong())
}

/// What the caller wants objects to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As they are.
    Full,
    /// PartialObjectMetadata and PartialObjectMetadataList.
    Metadata,
    /// Aggregated discovery, in the given version of `apidiscovery.k8s.io`.
    Discovery(&'static str),
    /// A table, in the given version of `meta.k8s.io`.
    Table(&'static str),
}

/// What a path can be asked for beside JSON as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Discovery,
    /// An object or a list: tables and bare metadata.
    Read,
    /// The answer to a write: bare metadata.
    Write,
}

/// The first acceptable representation in the `Accept` headers. What is not offered is passed over, and so is protobuf.
pub(crate) fn shape(headers: &HeaderMap, offer: Offer) -> Answer<Shape> {
    let mut any = false;
    for header in headers.get_all(ACCEPT) {
        let Ok(header) = header.to_str() else { continue };
        for range in header.split(',') {
            any = true;
            if let Some(shape) = shape_of(range, offer) {
                return Ok(shape);
            }
        }
    }
    if any { Err(Failure::not_acceptable()) } else { Ok(Shape::Full) }
}

fn shape_of(range: &str, offer: Offer) -> Option<Shape> {
    let mut parts = range.split(';').map(str::trim);
    if !matches!(parts.next()?, "application/json" | "application/*" | "*/*" | "*") {
        return None;
    }
    let (mut kind, mut group, mut version) = ("", "", "");
    for part in parts {
        match part.split_once('=') {
            Some(("as", value)) => kind = value,
            Some(("g", value)) => group = value,
            Some(("v", value)) => version = value,
            Some(("q", value)) if value.trim_end_matches('0') == "0." || value == "0" => return None,
            _ => (),
        }
    }
    match (kind, group, version) {
        ("", ..) => Some(Shape::Full),
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") if offer != Offer::Discovery => {
            Some(Shape::Metadata)
        }
        ("Table", "meta.k8s.io", "v1") if offer == Offer::Read => Some(Shape::Table("v1")),
        ("Table", "meta.k8s.io", "v1beta1") if offer == Offer::Read => Some(Shape::Table("v1beta1")),
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") if offer == Offer::Discovery => {
            Some(Shape::Discovery("v2"))
        }
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1") if offer == Offer::Discovery => {
            Some(Shape::Discovery("v2beta1"))
        }
        _ => None,
    }
}

/// The resource, collection or object that a path names.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) resource: Arc<Resource>,
    pub(crate) version: String,
    /// "" for cluster-scoped resources, and for all namespaces.
    pub(crate) namespace: String,
    /// "" for a collection.
    pub(crate) name: String,
    /// The path ends in `/status`.
    pub(crate) status: bool,
}

impl Target {
    pub(crate) fn id(&self) -> String {
        self.resource.id()
    }

    pub(crate) fn key(&self) -> crate::object::Key {
        crate::object::Key::new(&self.namespace, &self.name)
    }

    pub(crate) fn about(&self) -> crate::status::About<'_> {
        self.resource.about(&self.name)
    }

    pub(crate) fn api_version(&self) -> String {
        self.resource.api_version(&self.version)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepted(header: &'static str, offer: Offer) -> Result<Shape, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(header));
        shape(&headers, offer).map_err(|failure| failure.code)
    }

    #[test]
    fn the_first_acceptable_representation_is_chosen() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        let partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        let discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        for (header, offer, expected) in [
            ("application/json", Offer::Read, Ok(Shape::Full)),
            ("*/*", Offer::Read, Ok(Shape::Full)),
            ("application/vnd.kubernetes.protobuf,application/json", Offer::Read, Ok(Shape::Full)),
            ("application/vnd.kubernetes.protobuf", Offer::Read, Err(406)),
            (table, Offer::Read, Ok(Shape::Table("v1"))),
            (table, Offer::Write, Ok(Shape::Full)),
            ("application/json;as=Table;v=v2;g=meta.k8s.io", Offer::Read, Err(406)),
            (partial, Offer::Read, Ok(Shape::Metadata)),
            (partial, Offer::Discovery, Err(406)),
            (discovery, Offer::Discovery, Ok(Shape::Discovery("v2"))),
            (discovery, Offer::Read, Ok(Shape::Full)),
        ] {
            assert_eq!(accepted(header, offer), expected, "{header} {offer:?}");
        }
        assert_eq!(shape(&HeaderMap::new(), Offer::Read).ok(), Some(Shape::Full));
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("labelSelector=a%3Db%2Cc&watch=1&x=false&limit=5&sp=a+b").ok().unwrap();
        assert_eq!(query.text("labelSelector"), "a=b,c");
        assert_eq!(query.text("sp"), "a b");
        assert!(query.flag("watch") && !query.flag("x") && !query.flag("y"));
        assert_eq!(query.number("limit").ok(), Some(Some(5)));
        for wrong in ["a=%", "a=%1", "a=%zz", "a=%ff"] {
            assert_eq!(Query::parse(wrong).unwrap_err().code, 400, "{wrong}");
        }
        let query = Query::parse("dryRun=Some").ok().unwrap();
        assert_eq!(dry_run(query.all("dryRun"), "CreateOptions").unwrap_err().code, 422);
    }
}
