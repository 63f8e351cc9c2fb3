//! One kubeconfig: text to [`Kubeconfig`], by Go's rules for YAML and by client-go's messages.
//!
//! A file may hold several documents; the first is read, as sigs.k8s.io/yaml does it. Unknown fields are left alone.

use std::collections::BTreeMap;
use std::path::Path;

use bulla_core::go_base64;
use bulla_yaml::{Limits, Node, Value};
use zeroize::Zeroizing;

use super::{AuthProvider, Cluster, Context, Kubeconfig, Plugin, User};

/// The extension of a cluster that credential plugins get.
const PLUGIN_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// Reads a kubeconfig. Paths in it stay as they are.
///
/// # Errors
/// A message of client-go's kind, without any value of the text.
pub(super) fn read(text: &[u8]) -> Result<Kubeconfig, String> {
    let documents = bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| format!("yaml: {error}"))?;
    let Some(document) = documents.first() else { return Ok(Kubeconfig::default()) };
    let root = &document.root;
    if root.entries().is_none() {
        return Err(format!(
            "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct {{ APIVersion \
             string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
            root.go_kind()
        ));
    }
    let kind = text_of(root, "kind", "Config.kind")?;
    let version = text_of(root, "apiVersion", "Config.apiVersion")?;
    let (kind, version) = (or(&kind, "Config"), or(&version, "v1"));
    if (kind, version) != ("Config", "v1") {
        return Err(format!(
            "no kind {kind:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\""
        ));
    }
    Ok(Kubeconfig {
        clusters: named(root, "clusters", "cluster", cluster)?,
        users: named(root, "users", "user", user)?,
        contexts: named(root, "contexts", "context", context)?,
        current_context: text_of(root, "current-context", "Config.current-context")?.to_string(),
    })
}

fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

/// Makes relative paths absolute: they are meant relative to the kubeconfig's folder. A command without a slash is looked for
/// in `PATH`.
pub(super) fn resolve_paths(config: &mut Kubeconfig, folder: &Path) {
    let resolve = |path: &mut String| {
        if !path.is_empty() && Path::new(path.as_str()).is_relative() {
            *path = folder.join(path.as_str()).to_string_lossy().into_owned();
        }
    };
    for cluster in config.clusters.values_mut() {
        resolve(&mut cluster.certificate_authority);
    }
    for user in config.users.values_mut() {
        resolve(&mut user.client_certificate);
        resolve(&mut user.client_key);
        resolve(&mut user.token_file);
        if let Some(plugin) = user.exec.as_mut().filter(|plugin| plugin.command.contains('/')) {
            resolve(&mut plugin.command);
        }
    }
}

/// A list of `{name: …, FIELD: {…}}`, by name.
fn named<T: Default>(
    root: &Node,
    list: &str,
    field: &str,
    read: impl Fn(&Node) -> Result<T, String>,
) -> Result<BTreeMap<String, T>, String> {
    let mut map = BTreeMap::new();
    let Some(node) = root.get(list).filter(|node| !node.is_null()) else { return Ok(map) };
    let type_name = field[..1].to_uppercase() + &field[1..];
    let type_name = if field == "user" { "AuthInfo" } else { &type_name };
    let items =
        node.items().ok_or_else(|| mismatch(node, &format!("Config.{list}"), &format!("[]v1.Named{type_name}")))?;
    for item in items {
        if item.entries().is_none() && !item.is_null() {
            return Err(mismatch(item, &format!("Config.{list}"), &format!("v1.Named{type_name}")));
        }
        let name = text_of(item, "name", &format!("Named{type_name}.{list}.name"))?.to_string();
        let value = match item.get(field) {
            Some(node) if node.entries().is_some() => read(node)?,
            Some(node) if !node.is_null() => {
                return Err(mismatch(node, &format!("Named{type_name}.{list}.{field}"), &format!("v1.{type_name}")));
            }
            _ => T::default(),
        };
        if map.insert(name.clone(), value).is_some() {
            // client-go goes on to print the list, tokens and all.
            return Err(format!(
                "error converting *[]Named{type_name} into *map[string]*api.{type_name}: duplicate name \"{name}\" in list"
            ));
        }
    }
    Ok(map)
}

fn context(node: &Node) -> Result<Context, String> {
    let text = |field: &str| text_of(node, field, &format!("Context.contexts.context.{field}"));
    Ok(Context {
        cluster: text("cluster")?.to_string(),
        user: text("user")?.to_string(),
        namespace: text("namespace")?.to_string(),
    })
}

fn cluster(node: &Node) -> Result<Cluster, String> {
    let place = |field: &str| format!("Cluster.clusters.cluster.{field}");
    let text = |field: &str| text_of(node, field, &place(field)).map(|text| text.to_string());
    let switch = |field: &str| switch_of(node, field, &place(field));
    let extensions = node.get("extensions").and_then(Node::items).unwrap_or_default();
    let extension = extensions.iter().find(|item| item.get("name").and_then(Node::as_str) == Some(PLUGIN_EXTENSION));
    Ok(Cluster {
        server: text("server")?,
        tls_server_name: text("tls-server-name")?,
        insecure: switch("insecure-skip-tls-verify")?,
        certificate_authority: text("certificate-authority")?,
        certificate_authority_data: bytes_of(node, "certificate-authority-data", &place("certificate-authority-data"))?
            .to_vec(),
        proxy_url: text("proxy-url")?,
        disable_compression: switch("disable-compression")?,
        plugin_config: extension.and_then(|item| item.get("extension")?.to_json().ok()),
        is_in_a_file: true,
    })
}

fn user(node: &Node) -> Result<User, String> {
    let place = |field: &str| format!("AuthInfo.users.user.{field}");
    let secret = |field: &str| text_of(node, field, &place(field));
    let text = |field: &str| secret(field).map(|text| text.to_string());
    let bytes = |field: &str| bytes_of(node, field, &place(field));
    Ok(User {
        client_certificate: text("client-certificate")?,
        client_certificate_data: bytes("client-certificate-data")?.to_vec(),
        client_key: text("client-key")?,
        client_key_data: bytes("client-key-data")?,
        token: secret("token")?,
        token_file: text("tokenFile")?,
        impersonate: text("as")?,
        impersonate_uid: text("as-uid")?,
        impersonate_groups: texts_of(node, "as-groups", &place("as-groups"))?,
        impersonate_extra: match map_of(node, "as-user-extra", &place("as-user-extra"))? {
            None => BTreeMap::new(),
            Some(extra) => extra
                .entries()
                .unwrap_or_default()
                .iter()
                .map(|entry| Ok((entry.key.clone(), texts_of(extra, &entry.key, &place("as-user-extra"))?)))
                .collect::<Result<_, String>>()?,
        },
        username: text("username")?,
        password: secret("password")?,
        auth_provider: map_of(node, "auth-provider", &place("auth-provider"))?.map(auth_provider).transpose()?,
        exec: map_of(node, "exec", &place("exec"))?.map(plugin).transpose()?,
    })
}

fn auth_provider(node: &Node) -> Result<AuthProvider, String> {
    let place = |field: &str| format!("AuthProviderConfig.users.user.auth-provider.{field}");
    let config = match map_of(node, "config", &place("config"))? {
        None => BTreeMap::new(),
        Some(config) => config
            .entries()
            .unwrap_or_default()
            .iter()
            .map(|entry| Ok((entry.key.clone(), text_of(config, &entry.key, &place("config"))?)))
            .collect::<Result<_, String>>()?,
    };
    Ok(AuthProvider { name: text_of(node, "name", &place("name"))?.to_string(), config })
}

fn plugin(node: &Node) -> Result<Plugin, String> {
    let place = |field: &str| format!("ExecConfig.users.user.exec.{field}");
    let text = |field: &str| text_of(node, field, &place(field)).map(|text| text.to_string());
    let env = match node.get("env").filter(|env| !env.is_null()) {
        None => Vec::new(),
        Some(env) => env
            .items()
            .ok_or_else(|| mismatch(env, &place("env"), "[]v1.ExecEnvVar"))?
            .iter()
            .map(|item| {
                let field = |name: &str| text_of(item, name, &format!("ExecEnvVar.users.user.exec.env.{name}"));
                Ok((field("name")?.to_string(), field("value")?.to_string()))
            })
            .collect::<Result<_, String>>()?,
    };
    let api_version = text("apiVersion")?;
    let mut interactive_mode = text("interactiveMode")?;
    // v1 has no default: there it must be said.
    if interactive_mode.is_empty() && api_version == "client.authentication.k8s.io/v1beta1" {
        interactive_mode = "IfAvailable".to_owned();
    }
    Ok(Plugin {
        api_version,
        command: text("command")?,
        args: texts_of(node, "args", &place("args"))?,
        env,
        install_hint: text("installHint")?,
        interactive_mode,
        provide_cluster_info: switch_of(node, "provideClusterInfo", &place("provideClusterInfo"))?,
    })
}

/// Text; nothing and `null` are empty.
fn text_of(node: &Node, field: &str, place: &str) -> Result<Zeroizing<String>, String> {
    match node.get(field).map(|node| (node, &node.value)) {
        None | Some((_, Value::Null)) => Ok(Zeroizing::new(String::new())),
        Some((_, Value::String(text))) => Ok(text.clone()),
        Some((node, _)) => Err(mismatch(node, place, "string")),
    }
}

fn switch_of(node: &Node, field: &str, place: &str) -> Result<bool, String> {
    match node.get(field).map(|node| (node, &node.value)) {
        None | Some((_, Value::Null)) => Ok(false),
        Some((_, Value::Bool(value))) => Ok(*value),
        Some((node, _)) => Err(mismatch(node, place, "bool")),
    }
}

fn bytes_of(node: &Node, field: &str, place: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = text_of(node, field, place)?;
    go_base64::decode(&text).map_err(|error| error.to_string())
}

fn texts_of(node: &Node, field: &str, place: &str) -> Result<Vec<String>, String> {
    let Some(list) = node.get(field).filter(|list| !list.is_null()) else { return Ok(Vec::new()) };
    let items = list.items().ok_or_else(|| mismatch(list, place, "[]string"))?;
    let text = |item: &Node| match &item.value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.to_string()),
        _ => Err(mismatch(item, place, "string")),
    };
    items.iter().map(text).collect()
}

fn map_of<'a>(node: &'a Node, field: &str, place: &str) -> Result<Option<&'a Node>, String> {
    match node.get(field) {
        None => Ok(None),
        Some(node) if node.is_null() => Ok(None),
        Some(node) if node.entries().is_some() => Ok(Some(node)),
        Some(node) => Err(mismatch(node, place, "map")),
    }
}

fn mismatch(node: &Node, place: &str, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go struct field {place} of type {wanted}", node.go_kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_kubectl_writes_is_read() {
        let config = read(
            b"apiVersion: v1\nkind: Config\ncurrent-context: x\npreferences: {}\nunknown: [1]\n\
            clusters:\n- name: c\n  cluster: {server: 'https://a:1', tls-server-name: sni, insecure-skip-tls-verify: true, proxy-url: 'http://p', disable-compression: true, certificate-authority-data: YQ==, extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: z}}]}\n\
            users:\n- name: u\n  user: {token: t, as: b, as-groups: [g], as-user-extra: {k: [v]}, auth-provider: {name: oidc, config: {id-token: i}}, exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: x, args: [a], env: [{name: A, value: b}]}}\n\
            contexts:\n- name: x\n  context: {cluster: c, user: u, namespace: ns}\n",
        );
        let Ok(config) = config else { panic!("it is a kubeconfig") };
        assert_eq!(config.current_context, "x");
        assert_eq!(config.contexts["x"], Context { cluster: "c".into(), user: "u".into(), namespace: "ns".into() });
        let cluster = &config.clusters["c"];
        assert_eq!(
            (cluster.server.as_str(), cluster.insecure, cluster.disable_compression),
            ("https://a:1", true, true)
        );
        assert_eq!(cluster.certificate_authority_data, b"a");
        assert_eq!(cluster.plugin_config, Some(serde_json::json!({"audience": "z"})));
        let user = &config.users["u"];
        assert_eq!((user.token.as_str(), user.impersonate.as_str()), ("t", "b"));
        assert_eq!(user.impersonate_extra["k"], ["v"]);
        let plugin = user.exec.as_ref().unwrap();
        assert_eq!((plugin.interactive_mode.as_str(), plugin.env[0].1.as_str()), ("IfAvailable", "b"));
        assert_eq!(user.auth_provider.as_ref().unwrap().config["id-token"].as_str(), "i");
    }

    #[test]
    fn nothing_is_an_empty_kubeconfig_and_the_first_document_counts() {
        for text in ["", "---\n", "# x\n", "null", "---\n---\n", "kind: Config\n", "users:\nclusters: []\n"] {
            let Ok(config) = read(text.as_bytes()) else { panic!("{text}") };
            assert!(config.users.is_empty() && config.current_context.is_empty(), "{text}");
        }
        let Ok(config) = read(b"---\ncurrent-context: a\n---\ncurrent-context: b\n") else { panic!("it is one") };
        assert_eq!(config.current_context, "a");
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_client_go_without_a_value() {
        for (text, message) in [
            ("a: b: c", "yaml: line 1, column 5: "),
            ("kind: Foo", "no kind \"Foo\" is registered for version \"v1\" in scheme"),
            ("apiVersion: v3", "no kind \"Config\" is registered for version \"v3\""),
            ("[]", "couldn't get version/kind; json parse error: json: cannot unmarshal array"),
            (
                "clusters: 5",
                "json: cannot unmarshal number into Go struct field Config.clusters of type []v1.NamedCluster",
            ),
            (
                "users: [{name: x, user: {token: 5}}]",
                "json: cannot unmarshal number into Go struct field AuthInfo.users.user.token of type string",
            ),
            (
                "users: [{name: u, user: {token: hush}}, {name: u}]",
                "error converting *[]NamedAuthInfo into *map[string]*api.AuthInfo: duplicate name \"u\" in list",
            ),
            (
                "clusters: [{name: c, cluster: {certificate-authority-data: '#'}}]",
                "illegal base64 data at input byte 0",
            ),
        ] {
            let Err(found) = read(text.as_bytes()) else { panic!("{text}") };
            assert!(found.starts_with(message), "{text}: {found}");
            assert!(!found.contains("hush"), "{found}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let text = "users: [{name: u, user: {client-certificate: c.pem, client-key: /k.pem, tokenFile: ../t, exec: {command: ./p}}}, {name: v, user: {exec: {command: p}}}]\nclusters: [{name: c, cluster: {certificate-authority: ca}}]";
        let Ok(mut config) = read(text.as_bytes()) else { panic!("it is one") };
        resolve_paths(&mut config, Path::new("/etc/kube"));
        let user = &config.users["u"];
        assert_eq!((user.client_certificate.as_str(), user.client_key.as_str()), ("/etc/kube/c.pem", "/k.pem"));
        assert_eq!(user.token_file, "/etc/kube/../t");
        assert_eq!(user.exec.as_ref().unwrap().command, "/etc/kube/./p");
        assert_eq!(config.users["v"].exec.as_ref().unwrap().command, "p");
        assert_eq!(config.clusters["c"].certificate_authority, "/etc/kube/ca");
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_file_holds_is_read_or_refused_without_repeating_a_token(noise in ".{0,60}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let text = format!("users:\n- name: u\n  user:\n    token: hush-hush\n    {noise}");
            for text in [text.as_bytes(), &bytes[..]] {
                if let Err(error) = read(text) {
                    proptest::prop_assert!(!error.contains("hush-hush"), "{error}");
                }
            }
        }
    }
}
