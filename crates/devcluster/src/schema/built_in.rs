//! How the built-in kinds are merged: which of their lists and maps are shared, and by which keys. What is not named here
//! is merged as it looks: objects field by field, lists as a whole.

use super::{Kind, ListType, Schema};

/// The schema by which objects of a built-in kind are merged.
pub(crate) fn merging(plural: &str) -> Schema {
    let mut schema = match plural {
        "secrets" => object(&[("data", map()), ("stringData", map()), ("type", leaf()), ("immutable", leaf())]),
        "configmaps" => object(&[("data", map()), ("binaryData", map()), ("immutable", leaf())]),
        "serviceaccounts" => object(&[
            ("secrets", keyed(&["name"])),
            ("imagePullSecrets", list(ListType::Atomic, leaf())),
            ("automountServiceAccountToken", leaf()),
        ]),
        "services" => object(&[
            (
                "spec",
                object(&[
                    ("ports", keyed(&["port", "protocol"])),
                    ("selector", Schema { atomic: true, ..map() }),
                    ("sessionAffinityConfig", object(&[])),
                ]),
            ),
            ("status", status()),
        ]),
        "events" => object(&[("involvedObject", atomic()), ("related", atomic()), ("source", object(&[]))]),
        "leases" => object(&[("spec", object(&[]))]),
        "namespaces" => object(&[("spec", object(&[])), ("status", status())]),
        "customresourcedefinitions" => object(&[("spec", object(&[("names", object(&[]))])), ("status", status())]),
        _ => object(&[]),
    };
    add_metadata(&mut schema);
    schema
}

/// The same for a custom kind, whose schema says nothing of metadata that matters.
pub(crate) fn merging_custom(schema: Option<&Schema>) -> Schema {
    let mut schema = schema.cloned().unwrap_or_default();
    add_metadata(&mut schema);
    schema
}

fn add_metadata(schema: &mut Schema) {
    let owners = Schema { items: Some(Box::new(atomic())), ..keyed(&["uid"]) };
    let metadata = object(&[
        ("annotations", map()),
        ("finalizers", list(ListType::Set, leaf())),
        ("labels", map()),
        ("ownerReferences", owners),
    ]);
    schema.properties.insert("metadata".to_owned(), metadata);
}

fn status() -> Schema {
    object(&[("conditions", keyed(&["type"]))])
}

fn object(properties: &[(&str, Schema)]) -> Schema {
    let properties = properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone()));
    Schema { kind: Kind::Object, properties: properties.collect(), ..Schema::default() }
}

fn atomic() -> Schema {
    Schema { kind: Kind::Object, atomic: true, ..Schema::default() }
}

/// An object whose fields have names of their own.
fn map() -> Schema {
    Schema { kind: Kind::Object, additional: Some(Box::new(leaf())), ..Schema::default() }
}

fn list(list_type: ListType, items: Schema) -> Schema {
    Schema { kind: Kind::Array, list_type, items: Some(Box::new(items)), ..Schema::default() }
}

fn keyed(keys: &[&str]) -> Schema {
    list(ListType::Map(keys.iter().map(|&key| key.to_owned()).collect()), object(&[]))
}

fn leaf() -> Schema {
    Schema::default()
}
