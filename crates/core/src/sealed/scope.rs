//! Scopes: where a sealed value may be opened.
//!
//! The scope is not written into the ciphertext; it becomes the RSA-OAEP label, so that a value opens only under the
//! namespace and name that it was sealed for (sealed-secrets 2.1).

use std::fmt;
use std::str::FromStr;

/// The annotation of a namespace-wide SealedSecret; only the exact value `true` counts.
pub(crate) const NAMESPACE_WIDE_ANNOTATION: &str = "sealedsecrets.bitnami.com/namespace-wide";
/// The annotation of a cluster-wide SealedSecret; wins over the namespace-wide one.
pub(crate) const CLUSTER_WIDE_ANNOTATION: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// Where a sealed value may be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Only in the SealedSecret with this namespace and name.
    #[default]
    Strict,
    /// In any SealedSecret of this namespace.
    NamespaceWide,
    /// Anywhere in the cluster.
    ClusterWide,
}

impl Scope {
    /// The RSA-OAEP label: `namespace/name`, `namespace`, or nothing.
    pub fn label(self, namespace: &str, name: &str) -> Vec<u8> {
        match self {
            Self::Strict => format!("{namespace}/{name}").into_bytes(),
            Self::NamespaceWide => namespace.as_bytes().to_vec(),
            Self::ClusterWide => Vec::new(),
        }
    }

    /// Reads the scope off the annotations of an object. They only pick which label is tried; the ciphertext decides.
    pub fn from_annotations<'a>(annotations: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut scope = Self::Strict;
        for (name, value) in annotations {
            match name {
                CLUSTER_WIDE_ANNOTATION if value == "true" => return Self::ClusterWide,
                NAMESPACE_WIDE_ANNOTATION if value == "true" => scope = Self::NamespaceWide,
                _ => {}
            }
        }
        scope
    }

    /// The annotation that states this scope; none for strict.
    pub fn annotation(self) -> Option<&'static str> {
        match self {
            Self::Strict => None,
            Self::NamespaceWide => Some(NAMESPACE_WIDE_ANNOTATION),
            Self::ClusterWide => Some(CLUSTER_WIDE_ANNOTATION),
        }
    }

    /// The name of the scope, as `--scope` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::NamespaceWide => "namespace-wide",
            Self::ClusterWide => "cluster-wide",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ScopeMismatch;

    fn from_str(text: &str) -> Result<Self, ScopeMismatch> {
        match text {
            "" | "strict" => Ok(Self::Strict),
            "namespace-wide" => Ok(Self::NamespaceWide),
            "cluster-wide" => Ok(Self::ClusterWide),
            _ => Err(ScopeMismatch),
        }
    }
}

/// The text is not the name of a scope. The wording is kubeseal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: strict, namespace-wide, cluster-wide")]
pub struct ScopeMismatch;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_wire_format() {
        assert_eq!(Scope::Strict.label("ns", "name"), b"ns/name");
        assert_eq!(Scope::NamespaceWide.label("ns", "name"), b"ns");
        assert_eq!(Scope::ClusterWide.label("ns", "name"), b"");
    }

    #[test]
    fn only_the_exact_word_true_widens_and_cluster_wide_wins() {
        let of = |pairs: &[(&'static str, &'static str)]| Scope::from_annotations(pairs.iter().copied());
        assert_eq!(of(&[]), Scope::Strict);
        assert_eq!(of(&[(NAMESPACE_WIDE_ANNOTATION, "True")]), Scope::Strict);
        assert_eq!(of(&[(NAMESPACE_WIDE_ANNOTATION, "true ")]), Scope::Strict);
        assert_eq!(of(&[(NAMESPACE_WIDE_ANNOTATION, "true")]), Scope::NamespaceWide);
        assert_eq!(of(&[(CLUSTER_WIDE_ANNOTATION, "true")]), Scope::ClusterWide);
        assert_eq!(of(&[(CLUSTER_WIDE_ANNOTATION, "true"), (NAMESPACE_WIDE_ANNOTATION, "true")]), Scope::ClusterWide);
        assert_eq!(of(&[(NAMESPACE_WIDE_ANNOTATION, "true"), (CLUSTER_WIDE_ANNOTATION, "true")]), Scope::ClusterWide);
        assert_eq!(of(&[(CLUSTER_WIDE_ANNOTATION, "1"), (NAMESPACE_WIDE_ANNOTATION, "true")]), Scope::NamespaceWide);
    }

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for scope in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert_eq!("".parse(), Ok(Scope::Strict));
        assert_eq!("Strict".parse::<Scope>(), Err(ScopeMismatch));
    }
}
