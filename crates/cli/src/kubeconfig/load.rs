//! The files, and the namespace that they and the environment come to.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::resolve::{as_far_as_possible, context_name};
use super::validate::{aggregate, usable};
use super::{Kubeconfig, Overrides, Trouble, file, merge};
use crate::cluster::Choice;
use crate::io::input::read_file;
use crate::report::os_error;

/// Where a pod finds its own credentials.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The kubeconfig that `choice` and the environment name. Files of `KUBECONFIG` that are not there are skipped.
pub(super) fn load(choice: &Choice) -> Result<Kubeconfig, Trouble> {
    let explicit = choice.kubeconfig.as_deref().filter(|path| !path.as_os_str().is_empty());
    let files = match explicit {
        Some(path) => vec![path.to_owned()],
        None => precedence(std::env::var_os("KUBECONFIG"), std::env::home_dir()),
    };
    let mut loaded = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        match read(&path) {
            Ok(config) => loaded.push(config),
            Err(Unread::Missing) if explicit.is_some() => {
                return Err(Trouble::NoSuchFile(format!("stat {}: no such file or directory", path.display())));
            }
            Err(Unread::Missing) => {}
            Err(Unread::Bad(problem)) => {
                problems.push(format!("error loading config file \"{}\": {problem}", path.display()));
            }
        }
    }
    match aggregate(problems) {
        None => Ok(merge::merge(loaded)),
        Some(problems) => Err(Trouble::Invalid(problems)),
    }
}

/// `KUBECONFIG`'s list without empty elements and repetitions, else the file of the home folder.
fn precedence(variable: Option<OsString>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let Some(list) = variable.filter(|list| !list.is_empty()) else {
        return home.map(|home| home.join(".kube").join("config")).into_iter().collect();
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for path in std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()) {
        if !files.contains(&path) {
            files.push(path);
        }
    }
    files
}

enum Unread {
    Missing,
    Bad(String),
}

fn read(path: &Path) -> Result<Kubeconfig, Unread> {
    let text = read_file(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        io::ErrorKind::IsADirectory => Unread::Bad(format!("read {}: is a directory", path.display())),
        _ => Unread::Bad(format!("open {}: {}", path.display(), os_error(&error))),
    })?;
    let mut config = file::read(&text).map_err(Unread::Bad)?;
    let path = std::path::absolute(path).map_err(|error| Unread::Bad(os_error(&error)))?;
    if let Some(folder) = path.parent() {
        file::resolve_paths(&mut config, folder);
    }
    Ok(config)
}

/// The namespace of the context, else the pod's, else `default`.
///
/// # Errors
/// client-go's message if no context can be used.
pub(crate) fn namespace(choice: &Choice) -> Result<String, Trouble> {
    let config = load(choice)?;
    let Choice { context, overrides, .. } = choice;
    let flag = context.as_deref().unwrap_or_default();
    let explicit = config.contexts.get(context_name(&config, flag)).map(|context| context.namespace.clone());
    let result = check(&config, flag, overrides);
    match (explicit, result) {
        (_, Err(Trouble::Empty)) if in_a_pod() => Ok(pod_namespace()),
        (_, Err(trouble)) => Err(trouble),
        (Some(namespace), Ok(())) if !namespace.is_empty() => Ok(namespace),
        (_, Ok(())) if in_a_pod() => Ok(pod_namespace()),
        (_, Ok(())) => Ok("default".to_owned()),
    }
}

/// Whether the kubeconfig can be used at all.
pub(super) fn check(config: &Kubeconfig, flag: &str, overrides: &Overrides) -> Result<(), Trouble> {
    let resolved = as_far_as_possible(config, flag, overrides);
    usable(config, flag, overrides, &resolved, &|path| File::open(path).map(drop))
}

/// Whether this runs in a pod that has a service account.
pub(super) fn in_a_pod() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_set("KUBERNETES_SERVICE_HOST")
        && is_set("KUBERNETES_SERVICE_PORT")
        && Path::new(SERVICE_ACCOUNT).join("token").is_file()
}

fn pod_namespace() -> String {
    if let Some(namespace) = std::env::var("POD_NAMESPACE").ok().filter(|namespace| !namespace.is_empty()) {
        return namespace;
    }
    let text = std::fs::read_to_string(Path::new(SERVICE_ACCOUNT).join("namespace")).unwrap_or_default();
    let namespace = text.trim();
    if namespace.is_empty() { "default".to_owned() } else { namespace.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_a_list_and_replaces_the_file_of_the_home_folder() {
        let home = || Some(PathBuf::from("/home/x"));
        let files = |list: &str| {
            let files = precedence(Some(list.into()), home());
            files.iter().map(|path| path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(files(""), ["/home/x/.kube/config"]);
        assert_eq!(files("a:b"), ["a", "b"]);
        assert_eq!(files(":a::b:a:"), ["a", "b"]);
        assert_eq!(files(":"), [] as [&str; 0]);
        assert_eq!(precedence(None, None), [] as [PathBuf; 0]);
    }

    /// What both say of a set of kubeconfigs: names, and the values that merging decides.
    fn summary(config: &Kubeconfig) -> serde_json::Value {
        let clusters = config.clusters.iter().map(|(name, cluster)| {
            (name.clone(), serde_json::json!([cluster.server, cluster.certificate_authority, cluster.proxy_url]))
        });
        let users = config.users.iter().map(|(name, user)| {
            (name.clone(), serde_json::json!([user.token.as_str(), user.username, user.client_certificate]))
        });
        let contexts = config.contexts.iter().map(|(name, context)| {
            (name.clone(), serde_json::json!([context.cluster, context.user, context.namespace]))
        });
        serde_json::json!([
            clusters.collect::<serde_json::Map<_, _>>(),
            users.collect::<serde_json::Map<_, _>>(),
            contexts.collect::<serde_json::Map<_, _>>(),
            config.current_context
        ])
    }

    fn summary_of_kubectl(view: &serde_json::Value) -> serde_json::Value {
        let list = |list: &str, field: &str, fields: [&str; 3]| {
            let items = view[list].as_array().into_iter().flatten();
            let map = items.map(|item| {
                let text = |name: &str| item[field][name].as_str().unwrap_or_default().to_owned();
                (item["name"].as_str().unwrap_or_default().to_owned(), serde_json::json!(fields.map(text)))
            });
            serde_json::Value::Object(map.collect())
        };
        serde_json::json!([
            list("clusters", "cluster", ["server", "certificate-authority", "proxy-url"]),
            list("users", "user", ["token", "username", "client-certificate"]),
            list("contexts", "context", ["cluster", "user", "namespace"]),
            view["current-context"]
        ])
    }

    #[test]
    fn kubectl_merges_the_same_files_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("sub")).unwrap();
        for (name, text) in [
            (
                "a",
                "clusters: [{name: c, cluster: {server: 'https://a', certificate-authority: ca.pem}}]\nusers: [{name: red, user: {token: a}}]\ncontexts: [{name: x, context: {cluster: c, user: red}}]",
            ),
            (
                "sub/b",
                "current-context: z\nclusters: [{name: c, cluster: {server: 'https://b', proxy-url: 'http://p'}}, {name: d, cluster: {server: 'https://d', certificate-authority: ../ca.pem}}]\nusers: [{name: red, user: {username: b}}, {name: blue, user: {client-certificate: c.pem}}]\ncontexts: [{name: x, context: {cluster: d, user: blue, namespace: ns}}, {name: z, context: {cluster: d, user: blue, namespace: m}}]",
            ),
            ("c", "current-context: x\nkind: Config\napiVersion: v1\n---\nignored: true\n"),
            ("empty", ""),
        ] {
            std::fs::write(path(name), text).unwrap();
        }
        for list in
            [&["a", "sub/b", "c"][..], &["c", "sub/b", "a"], &["sub/b", "missing", "a"], &["empty", "c"], &["a"]]
        {
            let variable = std::env::join_paths(list.iter().map(|name| path(name))).unwrap();
            let kubectl = std::process::Command::new("kubectl")
                .args(["config", "view", "--raw", "-o", "json"])
                .env("KUBECONFIG", &variable)
                .output();
            let Ok(kubectl) = kubectl else {
                assert!(std::env::var_os("BULLA_REQUIRE_PEERS").is_none(), "kubectl is missing");
                return;
            };
            let view: serde_json::Value = serde_json::from_slice(&kubectl.stdout).unwrap();
            let ours = merge::merge(precedence(Some(variable), None).iter().filter_map(|path| read(path).ok()));
            // kubectl leaves paths relative when it only shows them.
            let clean = |value: serde_json::Value| {
                let folder = format!("{}/", folder.path().display());
                value.to_string().replace(&folder, "").replace("sub/", "").replace("../", "")
            };
            assert_eq!(clean(summary(&ours)), clean(summary_of_kubectl(&view)), "{list:?}");
        }
    }
}
