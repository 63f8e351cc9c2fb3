//! Credential plugins (`exec` in a kubeconfig), as client-go runs them: what they are told, how their answer is read.
//!
//! Commands that are done in a moment run the plugin once, here, so that a plugin that asks its user asks once. It gets this
//! process's standard input only if that is a terminal: in a pipe there is the Secret that is to be sealed.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_yaml::{Limits, Node};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{Cluster, Plugin};
use crate::io::input::read_limited;
use crate::report::os_error;

const GROUP: &str = "client.authentication.k8s.io/";
const VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// What a plugin gives.
pub(super) struct Credential {
    /// Empty if there is none.
    pub(super) token: Zeroizing<String>,
    /// A PEM certificate and its PEM key.
    pub(super) certificate: Option<(String, Zeroizing<String>)>,
}

/// Runs the plugin. `authority` is the cluster's certificate authority as PEM, for plugins that want to know it.
///
/// # Errors
/// client-go's message.
pub(super) fn run(plugin: &Plugin, cluster: &Cluster, authority: &[u8]) -> Result<Credential, String> {
    let interactive = is_interactive(&plugin.interactive_mode, std::io::stdin().is_terminal())?;
    let name = clean(&plugin.command);
    let mut child = Command::new(&name)
        .args(&plugin.args)
        .envs(plugin.env.iter().map(|(name, value)| (name, value)))
        .env("KUBERNETES_EXEC_INFO", question(plugin, cluster, authority, interactive).to_string())
        .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| not_started(plugin, &name, &error))?;
    let output = match child.stdout.take() {
        // A plugin that prints more than is read ends by a broken pipe.
        Some(stdout) => read_limited(stdout.take(MAX_ANSWER), 0),
        None => Ok(Zeroizing::new(Vec::new())),
    };
    let status = child.wait().map_err(|error| format!("exec: {}", os_error(&error)))?;
    if !status.success() {
        let code = status.code().unwrap_or(-1);
        return Err(format!("exec: executable {} failed with exit code {code}", name.display()));
    }
    let output = output.map_err(|error| format!("decoding stdout: {}", os_error(&error)))?;
    answer(&plugin.api_version, &output)
}

/// Certificates and tokens are smaller.
const MAX_ANSWER: u64 = 1 << 20;

/// The versions that are known.
///
/// # Errors
/// client-go's message.
pub(super) fn check_version(version: &str) -> Result<(), String> {
    match version.strip_prefix(GROUP) {
        Some(known) if VERSIONS.contains(&known) => Ok(()),
        _ => Err(format!("exec plugin: invalid apiVersion {version:?}")),
    }
}

/// Whether the plugin may ask its user.
fn is_interactive(mode: &str, terminal: bool) -> Result<bool, String> {
    match mode {
        "Never" => Ok(false),
        "Always" if !terminal => {
            Err("exec plugin cannot support interactive mode: standard input is not a terminal".to_owned())
        }
        _ => Ok(terminal),
    }
}

/// What the plugin finds in `KUBERNETES_EXEC_INFO`.
fn question(plugin: &Plugin, cluster: &Cluster, authority: &[u8], interactive: bool) -> Value {
    let mut spec = Map::new();
    if plugin.provide_cluster_info {
        let mut info = Map::new();
        info.insert("server".to_owned(), cluster.server.clone().into());
        for (name, text) in [("tls-server-name", &cluster.tls_server_name), ("proxy-url", &cluster.proxy_url)] {
            if !text.is_empty() {
                info.insert(name.to_owned(), text.clone().into());
            }
        }
        for (name, value) in
            [("insecure-skip-tls-verify", cluster.insecure), ("disable-compression", cluster.disable_compression)]
        {
            if value {
                info.insert(name.to_owned(), true.into());
            }
        }
        if !authority.is_empty() {
            info.insert("certificate-authority-data".to_owned(), STANDARD.encode(authority).into());
        }
        info.insert("config".to_owned(), cluster.plugin_config.clone().unwrap_or_default());
        spec.insert("cluster".to_owned(), info.into());
    }
    spec.insert("interactive".to_owned(), interactive.into());
    json!({"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec})
}

/// A command with a path is the path, without detours; `./x` and `a/../x` are `x`, which is not looked for in `PATH`.
fn clean(command: &str) -> PathBuf {
    if !command.contains('/') {
        return command.into();
    }
    let mut path = PathBuf::new();
    for part in Path::new(command).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if path.file_name().is_some() => {
                path.pop();
            }
            Component::ParentDir if path.has_root() => {}
            part => path.push(part),
        }
    }
    path
}

fn not_started(plugin: &Plugin, name: &Path, error: &std::io::Error) -> String {
    let name = name.display();
    if error.kind() == std::io::ErrorKind::NotFound && !plugin.command.contains('/') {
        let mut text = format!(
            "exec: executable {name} not found\n\nThe kubeconfig's user logs in by this program, and it is not installed."
        );
        if !plugin.install_hint.is_empty() {
            text.push_str("\n\n");
            text.push_str(&plugin.install_hint);
        }
        return text;
    }
    format!("exec: fork/exec {name}: {}", os_error(error))
}

/// Reads what the plugin printed. No message repeats it.
fn answer(version: &str, output: &[u8]) -> Result<Credential, String> {
    let documents = bulla_yaml::read_manifests(output, &Limits::default())
        .map_err(|error| format!("decoding stdout: it is not an ExecCredential: {error}"))?;
    let Some(document) = documents.first() else { return Err("decoding stdout: nothing was printed".to_owned()) };
    let root = &document.root;
    let text = |node: Option<&Node>| {
        node.and_then(Node::as_str).map_or_else(Zeroizing::default, |text| Zeroizing::new(text.to_owned()))
    };
    if root.get("kind").and_then(Node::as_str) != Some("ExecCredential") {
        return Err("decoding stdout: it is not an ExecCredential".to_owned());
    }
    let found = text(root.get("apiVersion"));
    if *found != version {
        return Err(format!(
            "exec plugin is configured to use API version {version}, plugin returned version {}",
            found.as_str()
        ));
    }
    let Some(status) = root.get("status").filter(|status| status.entries().is_some()) else {
        return Err("exec plugin didn't return a status field".to_owned());
    };
    let token = text(status.get("token"));
    let certificate = text(status.get("clientCertificateData"));
    let key = text(status.get("clientKeyData"));
    match (token.is_empty(), certificate.is_empty(), key.is_empty()) {
        (true, true, true) => Err("exec plugin didn't return a token or cert/key pair".to_owned()),
        (_, true, true) => Ok(Credential { token, certificate: None }),
        (_, false, false) => Ok(Credential { token, certificate: Some((certificate.to_string(), key)) }),
        _ => Err("exec plugin returned only certificate or key, not both".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "client.authentication.k8s.io/v1";

    #[test]
    fn only_the_two_versions_are_known() {
        for version in [V1, "client.authentication.k8s.io/v1beta1"] {
            assert_eq!(check_version(version), Ok(()));
        }
        for version in ["client.authentication.k8s.io/v1alpha1", "v1", ""] {
            assert_eq!(check_version(version), Err(format!("exec plugin: invalid apiVersion {version:?}")));
        }
    }

    #[test]
    fn who_may_ask_is_decided_by_mode_and_terminal() {
        for (mode, terminal, expected) in [
            ("Never", true, Ok(false)),
            ("Never", false, Ok(false)),
            ("IfAvailable", true, Ok(true)),
            ("IfAvailable", false, Ok(false)),
            ("Always", true, Ok(true)),
        ] {
            assert_eq!(is_interactive(mode, terminal), expected, "{mode} {terminal}");
        }
        assert!(is_interactive("Always", false).unwrap_err().ends_with("standard input is not a terminal"));
    }

    #[test]
    fn the_cluster_is_told_only_to_plugins_that_ask_for_it() {
        let mut plugin = Plugin { api_version: V1.to_owned(), ..Plugin::default() };
        let cluster = Cluster {
            server: "https://h".to_owned(),
            insecure: true,
            plugin_config: Some(json!({"a": 1})),
            ..Cluster::default()
        };
        assert_eq!(
            question(&plugin, &cluster, b"", false),
            json!({"kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": false}})
        );
        plugin.provide_cluster_info = true;
        assert_eq!(
            question(&plugin, &cluster, b"ca", true)["spec"],
            json!({"interactive": true, "cluster": {"server": "https://h", "insecure-skip-tls-verify": true,
                "certificate-authority-data": "Y2E=", "config": {"a": 1}}})
        );
    }

    #[test]
    fn paths_have_no_detours_and_plain_names_stay() {
        for (command, expected) in
            [("aws", "aws"), ("./p", "p"), ("/a/../b", "/b"), ("/a/./b", "/a/b"), ("../x", "../x"), ("/../x", "/x")]
        {
            assert_eq!(clean(command), Path::new(expected), "{command}");
        }
    }

    #[test]
    fn the_answer_is_a_token_or_a_certificate_with_its_key() {
        let read = |status: &str| {
            answer(V1, format!("{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{V1}\",{status}}}").as_bytes())
        };
        let token = read("\"status\":{\"token\":\"hush\"}").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((token.token.as_str(), token.certificate.is_none()), ("hush", true));
        let both = read("\"status\":{\"clientCertificateData\":\"c\",\"clientKeyData\":\"hush\"}");
        assert_eq!(both.unwrap_or_else(|error| panic!("{error}")).certificate.map(|pair| pair.0).as_deref(), Some("c"));
        for (status, message) in [
            ("\"status\":{\"clientKeyData\":\"hush\"}", "exec plugin returned only certificate or key, not both"),
            ("\"status\":{}", "exec plugin didn't return a token or cert/key pair"),
            ("\"spec\":{}", "exec plugin didn't return a status field"),
        ] {
            let Err(found) = read(status) else { panic!("{status}") };
            assert_eq!(found, message, "{status}");
        }
        for (output, message) in [
            ("", "decoding stdout: nothing was printed"),
            ("hush", "decoding stdout: it is not an ExecCredential"),
            ("{\"hush\"", "decoding stdout: it is not an ExecCredential: line 1"),
            (
                "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}",
                "exec plugin is configured to use API version client.authentication.k8s.io/v1, plugin returned version \
                 client.authentication.k8s.io/v1beta1",
            ),
        ] {
            let Err(found) = answer(V1, output.as_bytes()) else { panic!("{output}") };
            assert!(found.starts_with(message) && !found.contains("hush"), "{output}: {found}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_comes_with_its_hint() {
        let plugin = Plugin { command: "no-such-program".into(), install_hint: "get it".into(), ..Plugin::default() };
        let error = std::io::ErrorKind::NotFound.into();
        let text = not_started(&plugin, Path::new("no-such-program"), &error);
        assert!(
            text.starts_with("exec: executable no-such-program not found\n") && text.ends_with("\n\nget it"),
            "{text}"
        );
        let plugin = Plugin { command: "/no/such".into(), ..Plugin::default() };
        let text = not_started(&plugin, Path::new("/no/such"), &std::io::ErrorKind::NotFound.into());
        assert!(text.starts_with("exec: fork/exec /no/such: "), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_plugin_prints_is_understood_or_refused_without_repeating_it(noise in ".{0,60}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let text = format!("kind: ExecCredential\napiVersion: {V1}\nstatus:\n  token: hush-hush\n  {noise}");
            for output in [text.as_bytes(), &bytes[..]] {
                if let Err(error) = answer(V1, output) {
                    proptest::prop_assert!(!error.contains("hush-hush"), "{error}");
                }
            }
        }
    }
}
