//! Leases: the types of the fields (400, as the real API server's decoder answers), and their ranges (422).

use serde_json::{Map, Value};

use crate::object::Object;
use crate::status::{Answer, Failure, FieldError};

/// What one field of the specification holds.
enum Kind {
    Text,
    Int32,
    MicroTime,
}

const FIELDS: &[(&str, Kind)] = &[
    ("holderIdentity", Kind::Text),
    ("leaseDurationSeconds", Kind::Int32),
    ("acquireTime", Kind::MicroTime),
    ("renewTime", Kind::MicroTime),
    ("leaseTransitions", Kind::Int32),
    ("strategy", Kind::Text),
    ("preferredHolder", Kind::Text),
];

/// Checks the types, drops what no Lease has, and makes an empty specification where there is none.
pub(crate) fn normalise(lease: &mut Object, unknown: &mut Vec<String>) -> Answer<()> {
    let known = |name: &str| matches!(name, "apiVersion" | "kind" | "metadata" | "spec");
    unknown.extend(lease.keys().filter(|name| !known(name)).cloned());
    lease.retain(|name, _| known(name));
    let spec = lease.entry("spec").or_insert_with(|| Value::Object(Map::new()));
    if spec.is_null() {
        *spec = Value::Object(Map::new());
    }
    let Value::Object(spec) = spec else { return Err(undecodable("wrong type of field spec")) };
    let known = |name: &str| FIELDS.iter().any(|(known, _)| *known == name);
    unknown.extend(spec.keys().filter(|name| !known(name)).map(|name| format!("spec.{name}")));
    spec.retain(|name, value| !value.is_null() && known(name));
    for (name, kind) in FIELDS {
        let Some(value) = spec.get(*name) else { continue };
        let (fits, wanted) = match kind {
            Kind::Text => (value.is_string(), "string"),
            Kind::Int32 => (value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()), "int32"),
            Kind::MicroTime => (value.as_str().is_some_and(is_micro_time), "time with six digits of the second"),
        };
        if !fits {
            return Err(undecodable(&format!("field {name} is no {wanted}")));
        }
    }
    Ok(())
}

/// The errors in a normalised Lease.
pub(crate) fn check(lease: &Object) -> Vec<FieldError> {
    let number = |name: &str| lease.get("spec").and_then(|spec| spec.get(name)).and_then(Value::as_i64);
    let mut errors = Vec::new();
    if let Some(seconds) = number("leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
        let wrong = format!("Invalid value: {seconds}: must be greater than 0");
        errors.push(FieldError::invalid_text("spec.leaseDurationSeconds", &wrong));
    }
    if let Some(count) = number("leaseTransitions").filter(|count| *count < 0) {
        let wrong = format!("Invalid value: {count}: must be greater than or equal to 0");
        errors.push(FieldError::invalid_text("spec.leaseTransitions", &wrong));
    }
    errors
}

/// `2026-01-01T00:00:00.000000Z`; the real one takes nothing else, and any offset in place of the Z.
fn is_micro_time(text: &str) -> bool {
    let Some((_, fraction)) = text.split_once('.') else { return false };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    digits == 6 && text.parse::<jiff::Timestamp>().is_ok()
}

fn undecodable(what: &str) -> Failure {
    Failure::bad_request(format!("Lease in version \"v1\" cannot be handled as a Lease: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits() {
        for (text, fits) in [
            ("2026-01-01T00:00:00.123456Z", true),
            ("2026-01-01T00:00:00.123456+02:00", true),
            ("2026-01-01T00:00:00Z", false),
            ("2026-01-01T00:00:00.1Z", false),
            ("x.123456", false),
            ("", false),
        ] {
            assert_eq!(is_micro_time(text), fits, "{text:?}");
        }
    }
}
