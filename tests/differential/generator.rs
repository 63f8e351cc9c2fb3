//! Objects of every shape that the specification speaks of, from a seed.

use bulla_core::sealed::{GeneratedKey, Scope};
use serde_json::{Map, Value, json};

use crate::harness::random::Random;
use crate::harness::sealing::{base64, seal};

pub(crate) const NAMESPACES: [&str; 3] = ["differential-0", "differential-1", "differential-2"];

/// One object, what is there before it, and what becomes of it later.
pub(crate) struct Case {
    pub(crate) namespace: &'static str,
    pub(crate) name: String,
    /// A Secret of that name that is there first.
    pub(crate) existing: Option<Value>,
    pub(crate) sealed: Value,
    /// The `spec` of a second generation.
    pub(crate) second: Option<Value>,
}

/// Templates that give the same at each rendering, and some that cannot be rendered.
const TEMPLATES: [&str; 28] = [
    "plain text",
    "{{ .a }}",
    "{{ .a }}-{{ .b }}",
    "{{ index . \"c-d\" }}",
    "{{ .a | upper | quote }}",
    "{{ toJson .a }}",
    "{{ .missing }}",
    "{{ default \"none\" .missing }}",
    "{{ .missing | upper }}",
    "{{ toJson .missing }}",
    "{{ if eq .a \"alpha\" }}yes{{ else }}no{{ end }}",
    "{{ range $i, $x := splitList \",\" .list }}{{ $i }}={{ $x }};{{ end }}",
    "{{ with .b }}[{{ . }}]{{ end }}",
    "{{ .a | b64enc }} {{ .a | b64enc | b64dec }}",
    "{{ sha256sum .a }}",
    "{{ printf \"%05d|%q|%v\" 42 .a .b }}",
    "{{ .sibling }}",
    "{{ define \"t\" }}<{{ . }}>{{ end }}{{ template \"t\" .a }}",
    "{{ .a | trunc 3 | repeat 2 | nindent 2 }}",
    "{{ list 3 1 2 | sortAlpha | join \"-\" }}",
    "{{ dict \"k\" .a | toJson }}",
    "{{ regexReplaceAll \"[aeiou]\" .a \"*\" }}",
    "{{- .a -}}  \n  {{- .b }}",
    "{{ len .a }} {{ .a | len | add 1 }}",
    "{{ .a",
    "{{ nofunction .a }}",
    "{{ fail \"boom\" }}",
    "{{ atoi .a | int64 }} {{ ternary \"t\" \"f\" (eq .a .b) }}",
];

const VALUES: [&str; 7] = ["alpha", "bravo, charlie", "", "x,y,z", "line one\nline two\n", "<&>\"'", "\u{e9}\u{4e16}"];
const ITEMS: [&str; 6] = ["a", "b", "c-d", "list", "e.f", "G_h"];

struct Maker<'a> {
    random: &'a mut Random,
    key: &'a GeneratedKey,
    stranger: &'a GeneratedKey,
    id: (&'static str, String),
}

/// `count` cases. Values are sealed with `key`, some for nobody with `stranger`.
pub(crate) fn cases(random: &mut Random, count: usize, key: &GeneratedKey, stranger: &GeneratedKey) -> Vec<Case> {
    (0..count)
        .map(|number| {
            let id = (*random.pick(&NAMESPACES), format!("object-{number}"));
            Maker { random, key, stranger, id }.case()
        })
        .collect()
}

impl Maker<'_> {
    fn case(&mut self) -> Case {
        let scope = *self.random.pick(&[Scope::Strict, Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide]);
        let sealed = json!({
            "apiVersion": "bitnami.com/v1alpha1",
            "kind": "SealedSecret",
            "metadata": {"namespace": self.id.0, "name": self.id.1, "annotations": self.annotations(scope)},
            "spec": self.spec(scope),
        });
        Case {
            existing: self.random.percent(25).then(|| self.existing()),
            second: self.random.percent(30).then(|| self.spec(scope)),
            sealed,
            namespace: self.id.0,
            name: self.id.1.clone(),
        }
    }

    fn annotations(&mut self, scope: Scope) -> Value {
        const CLUSTER: &str = "sealedsecrets.bitnami.com/cluster-wide";
        const NAMESPACE: &str = "sealedsecrets.bitnami.com/namespace-wide";
        match scope {
            Scope::Strict if self.random.percent(10) => json!({CLUSTER: "True"}),
            Scope::Strict => json!({}),
            Scope::NamespaceWide => json!({NAMESPACE: "true"}),
            Scope::ClusterWide if self.random.percent(20) => json!({NAMESPACE: "true", CLUSTER: "true"}),
            Scope::ClusterWide => json!({CLUSTER: "true"}),
        }
    }

    fn spec(&mut self, scope: Scope) -> Value {
        if self.random.percent(5) {
            return self.deprecated(scope);
        }
        let mut spec = json!({"encryptedData": self.items(scope)});
        if self.random.percent(75) {
            spec["template"] = self.template();
        }
        spec
    }

    /// None to four items; one object in seven has a bad one.
    fn items(&mut self, scope: Scope) -> Value {
        let mut items = Map::new();
        for _ in 0..self.random.below(5) {
            let item = *self.random.pick(&ITEMS);
            let value = *self.random.pick(&VALUES);
            items.insert(item.to_owned(), self.seal(scope, value).into());
        }
        if self.random.percent(14) {
            for number in 0..=self.random.below(2) {
                items.insert(format!("bad{number}"), self.bad_item(scope).into());
            }
        }
        items.into()
    }

    fn seal(&mut self, scope: Scope, value: &str) -> String {
        let sealed = seal(&self.key.certificate, scope, (self.id.0, &self.id.1), value.as_bytes());
        // Go's decoder passes over line breaks.
        if self.random.percent(10) { format!("{}\r\n{}\n", &sealed[..40], &sealed[40..]) } else { sealed }
    }

    fn bad_item(&mut self, scope: Scope) -> String {
        let id = (self.id.0, self.id.1.as_str());
        let good = seal(&self.key.certificate, scope, id, b"good");
        match self.random.below(6) {
            0 => "%%%".to_owned(),
            1 => "AgAAAA==".to_owned(),
            2 => seal(&self.stranger.certificate, scope, id, b"for another cluster"),
            3 => seal(&self.key.certificate, scope, ("elsewhere", "other"), b"for another place").replace('+', "/"),
            4 => good[..good.len() - 8].to_owned(),
            _ => String::new(),
        }
    }

    fn template(&mut self) -> Value {
        let mut template = json!({});
        if self.random.percent(70) {
            template["metadata"] = self.metadata();
        }
        match self.random.below(10) {
            0 => template["type"] = json!("example.com/x"),
            1 => template["type"] = json!("Opaque"),
            // Its required keys are missing now and then: the API server refuses the Secret.
            2 => template["type"] = json!("kubernetes.io/basic-auth"),
            3 => template["type"] = json!("kubernetes.io/dockerconfigjson"),
            _ => {}
        }
        if self.random.percent(12) {
            template["immutable"] = json!(self.random.percent(80));
        }
        if self.random.percent(50) {
            template["data"] = self.template_data();
        }
        template
    }

    fn metadata(&mut self) -> Value {
        let mut metadata = json!({});
        if self.random.percent(60) {
            metadata["labels"] = self.words();
        }
        if self.random.percent(60) {
            metadata["annotations"] = self.words();
        }
        for name in ["managed", "patch", "skip-set-owner-references"] {
            if self.random.percent(7) {
                metadata["annotations"][format!("sealedsecrets.bitnami.com/{name}")] = json!("true");
            }
        }
        if self.random.percent(10) {
            metadata["name"] = json!("another");
            metadata["namespace"] = json!("default");
        }
        if self.random.percent(3) {
            metadata["finalizers"] = json!(["example.com/f"]);
        }
        if self.random.percent(5) {
            metadata["ownerReferences"] = self.foreign_owner();
        }
        metadata
    }

    /// An owner that exists, or the garbage collector would take the Secret away.
    fn foreign_owner(&self) -> Value {
        json!([{"apiVersion": "v1", "kind": "Namespace", "name": "FOREIGN-OWNER", "uid": "FOREIGN-OWNER"}])
    }

    fn words(&mut self) -> Value {
        let mut words = Map::new();
        for _ in 0..self.random.below(3) {
            let name = *self.random.pick(&["app", "team", "example.com/note"]);
            words.insert(name.to_owned(), json!(*self.random.pick(&["shop", "bank", ""])));
        }
        words.into()
    }

    fn template_data(&mut self) -> Value {
        let mut data = Map::new();
        for _ in 0..=self.random.below(3) {
            let name = *self.random.pick(&["config", "sibling", "a", "b", "result.yaml"]);
            let value = if self.random.percent(12) { Value::Null } else { json!(*self.random.pick(&TEMPLATES)) };
            data.insert(name.to_owned(), value);
        }
        data.into()
    }

    /// The old form, alone or beside the new one.
    fn deprecated(&mut self, scope: Scope) -> Value {
        let plain = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other", "labels": self.words()},
            "type": "example.com/old", "data": {"old": base64(*self.random.pick(&VALUES))}});
        let mut spec =
            json!({"data": self.seal(scope, &plain.to_string()).replace(['\r', '\n'], ""), "encryptedData": {}});
        if self.random.percent(30) {
            spec["encryptedData"]["a"] = self.seal(scope, "alpha").into();
        }
        spec
    }

    /// Foreign, managed, to be patched, or both.
    fn existing(&mut self) -> Value {
        let mut annotations = self.words();
        match self.random.below(5) {
            0 => annotations["sealedsecrets.bitnami.com/managed"] = json!("true"),
            1 => annotations["sealedsecrets.bitnami.com/patch"] = json!("true"),
            2 => {
                annotations["sealedsecrets.bitnami.com/managed"] = json!("true");
                annotations["sealedsecrets.bitnami.com/patch"] = json!("true");
            }
            3 => annotations["sealedsecrets.bitnami.com/managed"] = json!("false"),
            _ => {}
        }
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"namespace": self.id.0, "name": self.id.1, "annotations": annotations, "labels": self.words()},
        });
        if self.random.percent(60) {
            secret["data"] = json!({"a": base64("theirs"), "foreign": base64("stays or goes")});
        }
        if self.random.percent(15) {
            secret["type"] = json!("example.com/x");
        }
        if self.random.percent(10) {
            secret["immutable"] = json!(true);
        }
        if self.random.percent(10) {
            secret["metadata"]["ownerReferences"] = self.foreign_owner();
        }
        secret
    }
}
