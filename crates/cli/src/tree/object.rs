//! The objects in a document: what they are, and where their sealed values stand.

use bulla_core::sealed::{KIND, Place, Scope};
use bulla_yaml::{Entry, Node};

/// What an object is, by apiVersion and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `bitnami.com`, kind SealedSecret.
    SealedSecret,
    /// A plain Secret.
    Secret,
    /// Anything else.
    Other,
}

/// An object of a document: the document itself, or an item of a List.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// The number of its document in the file, from 1, empty documents not counted.
    pub(crate) document: usize,
    /// Its number in the List, from 1; none if it is a document of its own.
    pub(crate) in_list: Option<usize>,
    /// The object.
    pub(crate) node: &'a Node,
}

impl<'a> Object<'a> {
    /// The objects of one document. Lists in lists, which kubectl prints for nobody, are taken apart as well.
    pub(crate) fn of_document(document: usize, root: &'a Node) -> Vec<Self> {
        let mut found = Vec::new();
        collect(document, root, None, "", &mut found);
        let in_list = found.len() > 1 || list_kind(root).is_some();
        for (index, object) in found.iter_mut().enumerate() {
            object.in_list = in_list.then_some(index + 1);
        }
        found
    }

    /// `metadata.name`, empty if there is none that is text.
    pub(crate) fn name(&self) -> &'a str {
        self.text(&["metadata", "name"])
    }

    /// `metadata.namespace`, empty if there is none that is text.
    pub(crate) fn namespace(&self) -> &'a str {
        self.text(&["metadata", "namespace"])
    }

    /// `document 2`, `document 1, item 3`.
    pub(crate) fn place(&self) -> String {
        match self.in_list {
            Some(item) => format!("document {}, item {item}", self.document),
            None => format!("document {}", self.document),
        }
    }

    /// As a SealedSecret, if it is one.
    pub(crate) fn sealed(&self) -> Option<Sealed<'a>> {
        (self.kind == Kind::SealedSecret).then(|| Sealed::new(*self))
    }

    fn text(&self, path: &[&str]) -> &'a str {
        self.node.at(path).and_then(Node::as_str).unwrap_or_default()
    }
}

fn collect<'a>(document: usize, node: &'a Node, in_list: Option<usize>, implied: &str, found: &mut Vec<Object<'a>>) {
    let Some(kind) = list_kind(node) else {
        found.push(Object { kind: kind_of(node, implied), document, in_list, node });
        return;
    };
    // Items of a typed list may leave their kind out.
    let implied = kind.trim_end_matches("List");
    for item in node.get("items").and_then(Node::items).unwrap_or_default() {
        collect(document, item, in_list, implied, found);
    }
}

/// The kind of a List that has items.
fn list_kind(node: &Node) -> Option<&str> {
    let kind = node.get("kind").and_then(Node::as_str)?;
    let items = node.get("items")?;
    (kind.ends_with("List") && (items.items().is_some() || items.is_null())).then_some(kind)
}

fn kind_of(node: &Node, implied: &str) -> Kind {
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or(implied);
    let version = node.get("apiVersion").and_then(Node::as_str);
    match (kind, version) {
        (KIND, None) => Kind::SealedSecret,
        (KIND, Some(version)) if version.starts_with("bitnami.com/") => Kind::SealedSecret,
        ("Secret", None | Some("v1")) => Kind::Secret,
        _ => Kind::Other,
    }
}

/// A SealedSecret in a file.
#[derive(Clone)]
pub(crate) struct Sealed<'a> {
    /// Where it is.
    pub(crate) object: Object<'a>,
    /// `metadata.name`, empty if there is none.
    pub(crate) name: &'a str,
    /// `metadata.namespace`, empty if there is none.
    pub(crate) namespace: &'a str,
    /// The scope that the object's own annotations state; the template's are not asked.
    pub(crate) scope: Scope,
    /// `spec.encryptedData`, in the order of the file.
    pub(crate) items: Vec<SealedItem<'a>>,
    /// The deprecated `spec.data`, if it is there.
    pub(crate) deprecated: Option<&'a Node>,
}

/// One entry of `spec.encryptedData`.
#[derive(Clone, Copy)]
pub(crate) struct SealedItem<'a> {
    /// Its key.
    pub(crate) key: &'a str,
    /// Key and value with their places.
    pub(crate) entry: &'a Entry,
}

impl<'a> SealedItem<'a> {
    /// The node of the value.
    pub(crate) fn node(&self) -> &'a Node {
        &self.entry.value
    }

    /// The sealed value, if it is text.
    pub(crate) fn text(&self) -> Option<&'a str> {
        self.entry.value.as_str()
    }
}

impl<'a> Sealed<'a> {
    fn new(object: Object<'a>) -> Self {
        let entries = object.node.at(&["spec", "encryptedData"]).and_then(Node::entries).unwrap_or_default();
        Self {
            object,
            name: object.name(),
            namespace: object.namespace(),
            scope: scope_of(object.node.get("metadata")),
            items: entries.iter().map(|entry| SealedItem { key: &entry.key, entry }).collect(),
            deprecated: object.node.at(&["spec", "data"]).filter(|data| !data.is_null()),
        }
    }

    /// The map that holds the sealed values, if the object has one; it may be null.
    pub(crate) fn data(&self) -> Option<&'a Node> {
        self.object.node.at(&["spec", "encryptedData"])
    }

    /// What the values are bound to.
    pub(crate) fn place(&self) -> Place<'a> {
        Place { scope: self.scope, namespace: self.namespace, name: self.name }
    }

    /// The scope that the template's annotations state, if they state one.
    pub(crate) fn template_scope(&self) -> Option<Scope> {
        let metadata = self.object.node.at(&["spec", "template", "metadata"]);
        Some(scope_of(metadata)).filter(|scope| *scope != Scope::Strict)
    }

    /// `NAMESPACE/NAME`, for messages.
    pub(crate) fn id(&self) -> String {
        match (self.namespace, self.name) {
            (namespace, "") => format!("{namespace}/(no name)"),
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        }
    }
}

/// The scope that annotations state; those that are not text state nothing.
fn scope_of(metadata: Option<&Node>) -> Scope {
    let annotations = metadata.and_then(|metadata| metadata.get("annotations")?.entries()).unwrap_or_default();
    Scope::from_annotations(annotations.iter().filter_map(|entry| Some((entry.key.as_str(), entry.value.as_str()?))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use bulla_yaml::{Limits, read_manifests};

    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, String)> {
        let documents = read_manifests(text.as_bytes(), &Limits::default()).unwrap();
        let objects = documents.iter().enumerate().flat_map(|(i, d)| Object::of_document(i + 1, &d.root));
        objects.map(|object| (object.kind, object.place())).collect()
    }

    #[test]
    fn lists_are_taken_apart_and_their_items_have_places() {
        let found = kinds(
            "kind: ConfigMap\napiVersion: v1\n---\nkind: List\nitems:\n- {kind: SealedSecret, apiVersion: bitnami.com/v1alpha1}\n\
             - {kind: Secret, apiVersion: v1}\n---\nkind: SealedSecretList\nitems:\n- {metadata: {name: a}}\n---\nkind: List\nitems: []\n",
        );
        let expected = [
            (Kind::Other, "document 1"),
            (Kind::SealedSecret, "document 2, item 1"),
            (Kind::Secret, "document 2, item 2"),
            (Kind::SealedSecret, "document 3, item 1"),
        ];
        assert_eq!(found, expected.map(|(kind, place)| (kind, place.to_owned())));
    }

    #[test]
    fn kinds_of_other_groups_are_not_ours() {
        let kind = |text| kinds(text)[0].0;
        assert_eq!(kind("{kind: SealedSecret, apiVersion: bitnami.com/v1alpha1}"), Kind::SealedSecret);
        assert_eq!(kind("{kind: SealedSecret, apiVersion: example.com/v1}"), Kind::Other);
        assert_eq!(kind("{kind: Secret, apiVersion: example.com/v1}"), Kind::Other);
        assert_eq!(kind("{kind: AddressList, apiVersion: example.com/v1}"), Kind::Other);
        assert_eq!(kind("just text"), Kind::Other);
    }

    #[test]
    fn a_sealed_secret_tells_what_its_values_are_bound_to() {
        let text = "kind: SealedSecret\nmetadata:\n  name: db\n  namespace: shop\n  annotations:\n    \
                    sealedsecrets.bitnami.com/namespace-wide: \"true\"\n    x: 1\nspec:\n  encryptedData:\n    b: AgB=\n    a: 5\n  \
                    template: {metadata: {annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}}}\n";
        let documents = read_manifests(text.as_bytes(), &Limits::default()).unwrap();
        let sealed = Object::of_document(1, &documents[0].root)[0].sealed().unwrap();
        assert_eq!(sealed.place(), Place { scope: Scope::NamespaceWide, namespace: "shop", name: "db" });
        assert_eq!(sealed.template_scope(), Some(Scope::ClusterWide));
        let items: Vec<_> = sealed.items.iter().map(|item| (item.key, item.text())).collect();
        assert_eq!(items, [("b", Some("AgB=")), ("a", None)]);
        assert_eq!(sealed.id(), "shop/db");
        assert!(sealed.deprecated.is_none());
    }
}
