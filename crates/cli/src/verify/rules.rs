//! The rules of `bulla verify`: stable names, how bad it is, and what mends it. docs/verifying.md holds the same list, and a test
//! keeps the two equal. A number is never used for another rule.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// It may be meant.
    Warning,
    /// It cannot work, or gives a secret away.
    Error,
}

impl Severity {
    /// The word in reports; SARIF's levels are the same.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! rules {
    ($($name:ident = $id:literal, $severity:ident, $summary:literal, $cure:literal;)*) => {
        /// A rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Rule {
            $(#[doc = $summary] $name,)*
        }

        impl Rule {
            /// All of them, by number.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// `BV003`
            pub(crate) fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The name in SARIF.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// How bad it usually is.
            pub(crate) fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What is wrong, in general.
            pub(crate) fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)* }
            }

            /// What mends it.
            pub(crate) fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure,)* }
            }
        }
    };
}

rules! {
    Unreadable = "BV001", Error, "the file is neither YAML nor JSON", "correct the syntax at the line";
    UnfinishedMerge = "BV002", Error, "a merge is unfinished", "keep what is right and remove the conflict markers";
    NotBase64 = "BV003", Error, "a sealed value is not base64", "take the value from Git's history, or seal it again: bulla set FILE KEY";
    Truncated = "BV004", Error, "a sealed value is cut or was never sealed", "take the value from Git's history, or seal it again: bulla set FILE KEY";
    OtherKeySize = "BV005", Error, "a value is sealed with a key of another size than the certificate's", "it is another cluster's: seal it for this one; bulla why FILE tells more";
    ScopeAnnotation = "BV006", Error, "a scope annotation is not what it seems", "write exactly \"true\" in quotes, and one of the two only; the values must be sealed for that scope";
    TemplateScope = "BV007", Error, "the template states another scope than the object", "make the annotations of metadata and spec.template.metadata equal";
    TemplateName = "BV008", Warning, "the template states another name or namespace than the object", "if the object was renamed after sealing, its strict values do not open: seal them again";
    Name = "BV009", Error, "a name or namespace is not one that Kubernetes accepts", "use lower-case letters, digits and hyphens";
    NoNamespace = "BV010", Warning, "no namespace is stated, and the values are bound to one", "write metadata.namespace, so that the file says what it was sealed for";
    DuplicateObject = "BV011", Warning, "the same object stands in two places of one cluster", "keep one of them; or give each file its cluster in .bulla.yaml";
    DuplicateKey = "BV012", Error, "a key stands twice in one map, and only one of the two counts", "remove the one that is not meant";
    Copied = "BV013", Error, "a ciphertext was copied to where it cannot open", "seal the value for each place of its own: bulla set FILE KEY";
    CertificateAge = "BV014", Warning, "a sealing certificate is too old", "fetch the present one: bulla cert fetch -w FILE; then bulla reseal";
    PlainSecret = "BV015", Warning, "a Secret is not sealed", "seal it: bulla seal FILE -w FILE; if it was pushed, its values are known: change them";
    DoesNotOpen = "BV016", Error, "the controller cannot open a value", "bulla why FILE explains it";
    ItemKey = "BV017", Error, "a key is not one that a Secret can have", "use letters, digits, hyphens, underscores and dots: bulla rename FILE OLD NEW";
    DeprecatedData = "BV018", Warning, "the deprecated field spec.data is used", "seal the plain Secret again";
    Certificate = "BV019", Error, "a sealing certificate cannot be used", "fetch the present one: bulla cert fetch -w FILE";
    NoValues = "BV020", Warning, "a SealedSecret without values", "seal the values into spec.encryptedData, or remove the object";
    SopsUnreadable = "BV021", Error, "a sops file cannot be read", "take the file from Git's history, or compare it with the version before";
    SopsClear = "BV022", Error, "what a sops file must encrypt is in clear text", "bulla set FILE KEY encrypts it; if it was pushed, the value is known: change it";
    SopsManipulated = "BV023", Error, "a sops file is not as an honest tool writes it", "compare it with the version before: git log -p FILE";
    SopsMissing = "BV024", Error, "a recipient that the rule names cannot open a sops file", "bulla reseal FILE";
    SopsUnlisted = "BV025", Error, "a recipient of a sops file is not in .sops.yaml", "if it is meant, add it to the rule: bulla recipients add RECIPIENT FILE --rule; else bulla reseal FILE shuts it out";
    SopsGroups = "BV026", Warning, "key groups or threshold of a sops file are not those of its rule", "bulla reseal FILE";
    SopsSelector = "BV027", Warning, "a sops file encrypts by another selector than its rule, or by one that matches nothing", "unseal the file and seal it again";
    SopsUnruled = "BV028", Warning, "no creation rule is for a sops file", "add a rule to .sops.yaml";
    SopsNotSealed = "BV029", Error, "a sops file has no second seal, and one is demanded", "look at what changed (git log -p FILE), then bulla reseal --seal FILE";
    SopsSealLost = "BV030", Error, "a sops file had a second seal where the branch began, and has none now", "look at what changed (git log -p FILE), then bulla reseal --seal FILE";
    SopsWentBack = "BV031", Error, "a sops file is older than where the branch began", "take the newer version; if the older one is meant, write it anew: bulla edit FILE";
    SopsMoved = "BV032", Error, "a sops file does not lie where it was sealed", "if it was moved on purpose: bulla reseal --seal FILE";
}

impl Rule {
    /// By its number, as `--ignore` takes it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|rule| rule.id().eq_ignore_ascii_case(text));
        known.copied().ok_or_else(|| {
            format!("no rule has this number: {} to {}", Self::ALL[0].id(), Self::ALL[Self::ALL.len() - 1].id())
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_rule_as_it_is() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verifying.md");
        let text = std::fs::read_to_string(path).unwrap();
        for rule in Rule::ALL {
            let row =
                format!("| `{}` | {} | {} | {} |", rule.id(), rule.severity().as_str(), rule.summary(), rule.cure());
            assert!(text.contains(&row), "docs/verifying.md lacks the row\n{row}");
        }
        let rows = text.lines().filter(|line| line.starts_with("| `BV")).count();
        assert_eq!(rows, Rule::ALL.len(), "docs/verifying.md has rows of rules that are gone");
    }

    #[test]
    fn numbers_are_unique_and_are_understood() {
        let numbers: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        assert_eq!(numbers.len(), Rule::ALL.len());
        assert_eq!(Rule::parse("bv011"), Ok(Rule::DuplicateObject));
        assert!(Rule::parse("BV999").is_err());
    }
}
