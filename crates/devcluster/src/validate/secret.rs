//! Secrets and ConfigMaps: what is folded, defaulted, required, and frozen. No value of either is ever shown.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::{Map, Value};

use crate::object::{Object, metadata};
use crate::status::{Answer, Failure, FieldError};
use crate::validate::names;

/// Go's decoder takes stray bits in the last character.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The most that the values of one Secret or ConfigMap may weigh together.
const MAX_DATA: usize = 1 << 20;

const SECRET_FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "data", "immutable", "stringData", "type"];
const CONFIG_FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "data", "binaryData", "immutable"];

/// Decodes a Secret as the real API server does: `stringData` goes into `data`, the type defaults to Opaque, base64 is
/// checked and written canonically, unknown fields are dropped.
pub(crate) fn normalise_secret(secret: &mut Object, unknown: &mut Vec<String>) -> Answer<()> {
    drop_unknown(secret, SECRET_FIELDS, unknown);
    let mut data = string_map("Secret", secret, "data")?;
    for (key, value) in &mut data {
        canonical_base64("Secret", key, value)?;
    }
    for (key, value) in string_map("Secret", secret, "stringData")? {
        data.insert(key, Value::String(STANDARD.encode(value.as_str().unwrap_or_default())));
    }
    if !data.is_empty() {
        secret.insert("data".into(), Value::Object(data));
    }
    boolean("Secret", secret, "immutable")?;
    match secret.get("type") {
        None => drop(secret.insert("type".into(), Value::String("Opaque".into()))),
        Some(Value::String(kind)) if kind.is_empty() => {
            drop(secret.insert("type".into(), Value::String("Opaque".into())))
        }
        Some(Value::String(_)) => (),
        Some(other) => return Err(undecodable("Secret", "type", other, "v1.SecretType")),
    }
    Ok(())
}

/// The same for a ConfigMap.
pub(crate) fn normalise_config_map(config: &mut Object, unknown: &mut Vec<String>) -> Answer<()> {
    drop_unknown(config, CONFIG_FIELDS, unknown);
    for field in ["data", "binaryData"] {
        let mut data = string_map("ConfigMap", config, field)?;
        if field == "binaryData" {
            for (key, value) in &mut data {
                canonical_base64("ConfigMap", key, value)?;
            }
        }
        if !data.is_empty() {
            config.insert(field.into(), Value::Object(data));
        }
    }
    boolean("ConfigMap", config, "immutable")
}

/// The errors in a normalised Secret.
pub(crate) fn check_secret(secret: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let empty = Map::new();
    let data = secret.get("data").and_then(Value::as_object).unwrap_or(&empty);
    let mut size = 0;
    for (key, value) in data {
        if let Some(wrong) = names::data_key_error(key) {
            errors.push(FieldError::invalid(format!("data[{key}]"), key, wrong));
        }
        size += decoded_length(value.as_str().unwrap_or_default());
    }
    if size > MAX_DATA {
        errors.push(FieldError::too_long("data", MAX_DATA));
    }
    let required = |key: &str, errors: &mut Vec<FieldError>| {
        if !data.contains_key(key) {
            errors.push(FieldError::required(format!("data[{key}]"), ""));
        }
    };
    match secret.get("type").and_then(Value::as_str).unwrap_or_default() {
        "kubernetes.io/service-account-token" => {
            let annotations = metadata(secret).and_then(|metadata| metadata.get("annotations"));
            let account = annotations.and_then(|all| all.get("kubernetes.io/service-account.name"));
            if account.and_then(Value::as_str).unwrap_or_default().is_empty() {
                errors.push(FieldError::required("metadata.annotations[kubernetes.io/service-account.name]", ""));
            }
        }
        "kubernetes.io/dockercfg" => docker(data, ".dockercfg", &mut errors),
        "kubernetes.io/dockerconfigjson" => docker(data, ".dockerconfigjson", &mut errors),
        "kubernetes.io/basic-auth" if !data.contains_key("username") && !data.contains_key("password") => {
            required("username", &mut errors);
            required("password", &mut errors);
        }
        // An empty key is as good as none here, unlike in a TLS Secret.
        "kubernetes.io/ssh-auth"
            if data.get("ssh-privatekey").and_then(Value::as_str).unwrap_or_default().is_empty() =>
        {
            errors.push(FieldError::required("data[ssh-privatekey]", ""));
        }
        "kubernetes.io/tls" => {
            required("tls.crt", &mut errors);
            required("tls.key", &mut errors);
        }
        _ => (),
    }
    errors
}

/// The errors in a normalised ConfigMap.
pub(crate) fn check_config_map(config: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    let keys = |field: &str| config.get(field).and_then(Value::as_object);
    for field in ["data", "binaryData"] {
        for (key, value) in keys(field).into_iter().flatten() {
            if let Some(wrong) = names::data_key_error(key) {
                errors.push(FieldError::invalid(format!("{field}[{key}]"), key, wrong));
            }
            if field == "data" && keys("binaryData").is_some_and(|binary| binary.contains_key(key)) {
                errors.push(FieldError::invalid(format!("data[{key}]"), key, "duplicate of key present in binaryData"));
            }
            let text = value.as_str().unwrap_or_default();
            size += if field == "data" { text.len() } else { decoded_length(text) };
        }
    }
    if size > MAX_DATA {
        // The real one names no field here.
        errors.push(FieldError::too_long("", MAX_DATA));
    }
    errors
}

/// What may not change: the type of a Secret; of an immutable Secret or ConfigMap, its data and its immutability.
pub(crate) fn check_change(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let (Some(new), Some(old)) = (new.get("type").and_then(Value::as_str), old.get("type").and_then(Value::as_str))
        && new != old
    {
        errors.push(FieldError::invalid("type", new, "field is immutable"));
    }
    if old.get("immutable") == Some(&Value::Bool(true)) {
        let frozen = "field is immutable when `immutable` is set";
        if new.get("immutable") != Some(&Value::Bool(true)) {
            errors.push(FieldError::forbidden("immutable", frozen));
        }
        for field in ["data", "binaryData"] {
            if !same_data(new.get(field), old.get(field)) {
                errors.push(FieldError::forbidden(field, frozen));
            }
        }
    }
    errors
}

fn same_data(new: Option<&Value>, old: Option<&Value>) -> bool {
    let empty = Map::new();
    let of = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_else(|| empty.clone());
    of(new) == of(old)
}

fn docker(data: &Map<String, Value>, key: &str, errors: &mut Vec<FieldError>) {
    let Some(value) = data.get(key) else {
        errors.push(FieldError::required(format!("data[{key}]"), ""));
        return;
    };
    let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
    // Any JSON object will do for the real one, too.
    if serde_json::from_slice::<Map<String, Value>>(&bytes).is_err() {
        errors.push(FieldError::invalid_hidden(format!("data[{key}]"), "invalid character or structure in JSON input"));
    }
}

fn drop_unknown(object: &mut Object, known: &[&str], unknown: &mut Vec<String>) {
    unknown.extend(object.keys().filter(|name| !known.contains(&name.as_str())).cloned());
    object.retain(|name, value| known.contains(&name.as_str()) && !value.is_null());
}

/// Takes the map of strings at `field` out; null values are empty strings, as in Go.
fn string_map(kind: &str, object: &mut Object, field: &str) -> Answer<Map<String, Value>> {
    match object.remove(field) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(mut map)) => {
            for value in map.values_mut() {
                if value.is_null() {
                    *value = Value::String(String::new());
                } else if !value.is_string() {
                    let wanted = if field == "binaryData" || (field == "data" && kind == "Secret") {
                        "[]uint8"
                    } else {
                        "string"
                    };
                    return Err(undecodable(kind, field, value, wanted));
                }
            }
            Ok(map)
        }
        Some(other) => {
            let bytes = field == "binaryData" || (field == "data" && kind == "Secret");
            let wanted = if bytes { "map[string][]uint8" } else { "map[string]string" };
            Err(undecodable(kind, field, &other, wanted))
        }
    }
}

fn boolean(kind: &str, object: &Object, field: &str) -> Answer<()> {
    match object.get(field) {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(other) => Err(undecodable(kind, field, other, "bool")),
    }
}

/// Line breaks inside base64 are allowed on the way in, as Go's decoder does, and gone on the way out.
fn canonical_base64(kind: &str, key: &str, value: &mut Value) -> Answer<()> {
    let Value::String(text) = value else { return Ok(()) };
    if text.contains(['\r', '\n']) {
        text.retain(|character| !matches!(character, '\r' | '\n'));
    }
    match LENIENT.decode(text.as_bytes()) {
        Ok(bytes) => {
            *text = STANDARD.encode(bytes);
            Ok(())
        }
        Err(_) => Err(Failure::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: illegal base64 data in key {key:?}"
        ))),
    }
}

fn decoded_length(text: &str) -> usize {
    text.len() / 4 * 3 - text.bytes().rev().take(2).filter(|&byte| byte == b'=').count().min(text.len() / 4 * 3)
}

/// As Go's decoder says it; the value itself is not shown.
fn undecodable(kind: &str, field: &str, value: &Value, wanted: &str) -> Failure {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Failure::bad_request(format!(
        "{kind} in version \"v1\" cannot be handled as a {kind}: json: cannot unmarshal {found} into Go struct field \
         {kind}.{field} of type {wanted}"
    ))
}
