//! Which certificate is sealed with: given, stated by `.bulla.yaml`, pinned, or the cluster's own; and that another one than
//! the pinned one is refused until somebody has accepted exactly that one.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::support::{Bench, Ran, secret, vector, vectors};

const DEFAULT: &str = "/api/v1/namespaces/kube-system/services/sealed-secrets-controller";
const DEFAULT_CERT: &str =
    "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:web/proxy/v1/cert.pem";
const SERVICE: &str = r#"{"kind":"Service","spec":{"ports":[{"name":"web","port":8080}]}}"#;
const BY_NAME: &str = "/api/v1/services?labelSelector=name%3Dsealed-secrets-controller";
const BY_CHART: &str = "/api/v1/services?labelSelector=app.kubernetes.io%2Fname%3Dsealed-secrets";

/// An API server that knows a few paths, which may change, and remembers what it was asked.
pub(super) struct Server {
    address: String,
    answers: Arc<Mutex<HashMap<String, (u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Connections are closed without an answer.
    dead: Arc<Mutex<bool>>,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self { address, answers: Arc::default(), asked: Arc::default(), dead: Arc::default() };
        let (answers, asked, dead) = (server.answers.clone(), server.asked.clone(), server.dead.clone());
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if *dead.lock().unwrap() {
                    continue;
                }
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let Some(request) = lines.next() else { continue };
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let path = request.split(' ').nth(1).unwrap().to_owned();
                let (status, body) = answers.lock().unwrap().get(&path).cloned().unwrap_or((404, String::new()));
                asked.lock().unwrap().push(path);
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        server
    }

    /// One with the controller where upstream puts it.
    pub(super) fn with(certificate: &str) -> Self {
        let server = Self::new();
        server.answer(DEFAULT, 200, SERVICE);
        server.answer(DEFAULT_CERT, 200, &vector(certificate));
        server
    }

    fn answer(&self, path: &str, status: u16, body: &str) {
        self.answers.lock().unwrap().insert(path.to_owned(), (status, body.to_owned()));
    }

    fn die(&self) {
        *self.dead.lock().unwrap() = true;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(super) fn bench(&self) -> Bench {
        let bench = Bench::new();
        std::fs::create_dir(bench.path(".kube")).unwrap();
        bench.write(
            ".kube/config",
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {{server: \"http://{}\"}}\n\
                 users:\n- name: u\n  user: {{token: t}}\ncontexts:\n- name: a\n  context: {{cluster: c, user: u}}\n\
                 - name: prod\n  context: {{cluster: c, user: u}}\n",
                self.address
            ),
        );
        bench.write("plain.yaml", secret("db"));
        bench
    }
}

/// The files in which certificates are pinned.
fn pins(bench: &Bench) -> Vec<PathBuf> {
    let root = bench.path(".local/state/bulla/certificates");
    let folders = std::fs::read_dir(root).into_iter().flatten().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    files.collect()
}

/// As if the pin had been compared with the cluster long ago.
fn age_pins(bench: &Bench) {
    for path in pins(bench) {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut pin: serde_json::Value = serde_json::from_str(&text).unwrap();
        pin["checked"] = "2026-01-01T00:00:00Z".into();
        std::fs::write(&path, pin.to_string()).unwrap();
    }
}

pub(super) fn fingerprint(certificate: &str) -> String {
    let file = vectors(certificate).display().to_string();
    let shown: serde_json::Value =
        serde_json::from_str(&Bench::new().bulla(&["cert", "show", "--json", &file]).ok()).unwrap();
    shown["fingerprint"].as_str().unwrap().to_owned()
}

pub(super) const KEY1: &str = "sealed/keys/key1.crt";
const KEY2: &str = "sealed/keys/key2.crt";

fn opens(bench: &Bench, key: &str, sealed: &str) {
    let key = vectors(&format!("sealed/keys/{key}.key")).display().to_string();
    let plain = bench.bulla_with(&["unseal", "--key", &key], sealed.as_bytes()).ok();
    assert!(plain.contains("kind: Secret"), "{plain}");
}

fn seal(bench: &Bench, args: &[&str]) -> Ran {
    bench.bulla(&[&["seal", "plain.yaml"], args].concat())
}

#[test]
fn the_clusters_certificate_is_pinned_at_first_use_and_not_asked_for_again_that_day() {
    let server = Server::with(KEY1);
    let bench = server.bench();
    let first = seal(&bench, &[]);
    for words in [
        "asked for the first time",
        "is pinned",
        "sealing with certificate SHA256:",
        "from Service kube-system/sealed-",
    ] {
        assert!(first.stderr.contains(words), "{words}: {}", first.stderr);
    }
    opens(&bench, "key1", &first.ok());
    assert_eq!(server.asked(), 2);

    let second = seal(&bench, &[]);
    assert!(
        second.stderr.contains("from the pin of Service kube-system/sealed-secrets-controller"),
        "{}",
        second.stderr
    );
    opens(&bench, "key1", &second.ok());
    assert_eq!(server.asked(), 2, "nobody was asked");

    let [pin] = pins(&bench).try_into().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&pin).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(pin.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }
    age_pins(&bench);
    seal(&bench, &[]).ok();
    assert_eq!(server.asked(), 4, "after a day the cluster is asked whether it is still the same");
    seal(&bench, &[]).ok();
    assert_eq!(server.asked(), 4);
}

#[test]
fn a_changed_certificate_is_refused_until_exactly_it_is_accepted() {
    let server = Server::with(KEY1);
    let bench = server.bench();
    seal(&bench, &[]).ok();
    let (old, new) = (fingerprint(KEY1), fingerprint(KEY2));
    server.answer(DEFAULT_CERT, 200, &vector(KEY2));
    age_pins(&bench);

    let refused = [
        &format!("the certificate is {new}, but this machine has pinned {old}"),
        "(E0310)",
        "renewed every 30 days",
        "bulla cert fetch | bulla cert show -",
        "compare the fingerprint with your team",
        &format!("once: --accept-fingerprint {new}"),
        &format!("for good: bulla cert pin {new}"),
    ];
    seal(&bench, &[]).fails(1, &refused);
    bench.bulla(&["seal", "plain.yaml", "-w", "out.yaml"]).fails(1, &["(E0310)"]);
    assert!(!bench.path("out.yaml").exists());
    seal(&bench, &["--accept-fingerprint", &old]).fails(1, &["(E0313)", "which --accept-fingerprint names"]);
    seal(&bench, &["--accept-fingerprint", "SHA256:x"]).fails(3, &["43 characters"]);
    seal(&bench, &[]).fails(1, &["(E0310)"]);

    // Looking at it changes nothing, and says what it is.
    let fetched = bench.bulla(&["cert", "fetch"]);
    assert!(
        fetched.stderr.contains(&format!("is not the one that is pinned on this machine, {old}")),
        "{}",
        fetched.stderr
    );
    assert_eq!(fetched.ok(), vector(KEY2));
    seal(&bench, &[]).fails(1, &["(E0310)"]);

    opens(&bench, "key2", &seal(&bench, &["--accept-fingerprint", &new]).ok());
    opens(&bench, "key2", &seal(&bench, &[]).ok());
    assert_eq!(pins(&bench).len(), 1);
}

#[test]
fn where_the_cluster_does_not_answer_the_pinned_certificate_is_good() {
    let server = Server::with(KEY1);
    let bench = server.bench();
    seal(&bench, &[]).ok();
    age_pins(&bench);
    server.answer(DEFAULT_CERT, 503, "");
    let offline = seal(&bench, &[]);
    assert!(offline.stderr.contains("the cluster cannot be asked (fetch the certificate from"), "{}", offline.stderr);
    assert!(offline.stderr.contains("last compared ") && offline.stderr.contains(" ago"), "{}", offline.stderr);
    offline.ok();
    server.die();
    opens(&bench, "key1", &seal(&bench, &[]).ok());
    // But not another one than is wanted.
    seal(&bench, &["--accept-fingerprint", &fingerprint(KEY2)]).fails(1, &["(E0503)"]);

    let never_seen = Server::new();
    never_seen.die();
    seal(&never_seen.bench(), &[]).fails(1, &["(E0503)", "kubectl version"]);
}

#[test]
fn the_controller_is_found_by_its_labels_in_any_namespace() {
    let item = |namespace: &str, name: &str| format!(r#"{{"metadata":{{"namespace":"{namespace}","name":"{name}"}}}}"#);
    let list = |items: &[String]| format!(r#"{{"kind":"ServiceList","items":[{}]}}"#, items.join(","));
    let server = Server::new();
    let bench = server.bench();
    seal(&bench, &[]).fails(1, &["(E0504)", "no Service sealed-secrets-controller in namespace kube-system"]);
    server.answer(BY_NAME, 200, &list(&[]));
    seal(&bench, &[]).fails(1, &["(E0504)"]);

    server.answer(BY_CHART, 200, &list(&[item("security", "vault-seal"), item("security", "vault-seal-metrics")]));
    server.answer("/api/v1/namespaces/security/services/vault-seal", 200, SERVICE);
    let proxy = "/api/v1/namespaces/security/services/http:vault-seal:web/proxy/v1/cert.pem";
    server.answer(proxy, 200, &vector(KEY2));
    let sealed = seal(&bench, &[]);
    assert!(sealed.stderr.contains("from Service security/vault-seal of the cluster"), "{}", sealed.stderr);
    opens(&bench, "key2", &sealed.ok());
    assert_eq!(bench.bulla(&["cert", "fetch"]).ok(), vector(KEY2));

    server.answer(BY_NAME, 200, &list(&[item("other", "second")]));
    age_pins(&bench);
    bench.bulla(&["cert", "fetch"]).fails(
        1,
        &["(E0312)", "security/vault-seal", "other/second", "--controller-namespace other --controller-name second"],
    );
    assert_eq!(bench.bulla(&["cert", "fetch", "--controller-namespace", "security"]).ok(), vector(KEY2));
    server.answer(BY_NAME, 403, r#"{"kind":"Status","message":"no","code":403}"#);
    bench
        .bulla(&["cert", "fetch"])
        .fails(1, &["(E0504)", "you may not look in all namespaces", "ask your administrator"]);
}

#[test]
fn pins_that_cannot_be_trusted_are_refused() {
    let server = Server::with(KEY1);
    let bench = server.bench();
    seal(&bench, &[]).ok();
    let [pin] = pins(&bench).try_into().unwrap();
    let good = std::fs::read_to_string(&pin).unwrap();
    let other = serde_json::from_str::<serde_json::Value>(&good).map(|mut pin| {
        pin["certificate"] = vector(KEY2).into();
        pin.to_string()
    });
    for bad in ["", "{}", "not json", &good.replace("BEGIN", "BEGUN"), &other.unwrap()] {
        std::fs::write(&pin, bad).unwrap();
        seal(&bench, &[]).fails(1, &["(E0311)", "bulla cert pin SHA256"]);
    }
    std::fs::write(&pin, &good).unwrap();
    seal(&bench, &[]).ok();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&pin, std::fs::Permissions::from_mode(0o622)).unwrap();
        seal(&bench, &[]).fails(1, &["(E0311)", "others may write", "chmod 600"]);
    }
}

#[test]
fn what_was_compared_is_pinned_by_hand() {
    let server = Server::with(KEY1);
    let bench = server.bench();
    let (one, two) = (fingerprint(KEY1), fingerprint(KEY2));
    bench.bulla(&["cert", "pin"]).fails(3, &["required"]);
    bench.bulla(&["cert", "pin", &two]).fails(1, &["(E0313)", "nothing was pinned"]);
    assert!(pins(&bench).is_empty());
    assert!(
        bench
            .bulla(&["cert", "pin", &one])
            .stderr
            .contains("bulla: pinned for Service kube-system/sealed-secrets-controller")
    );
    let asked = server.asked();
    seal(&bench, &[]).ok();
    assert_eq!(server.asked(), asked);

    // A certificate that came another way, before the cluster was ever seen.
    let bench = server.bench();
    let file = vectors(KEY2).display().to_string();
    bench.bulla(&["cert", "pin", &one, "--cert", &file]).fails(1, &["(E0313)"]);
    bench.bulla(&["cert", "pin", &two, "--cert", &file]).ok();
    opens(&bench, "key2", &seal(&bench, &[]).ok());
    age_pins(&bench);
    seal(&bench, &[]).fails(1, &["(E0310)", &format!("pinned {two}")]);
    bench.bulla(&["cert", "pin", "--cert", &vectors("keys/expired.crt").display().to_string()]).fails(1, &["(E0304)"]);
}

#[test]
fn the_repository_names_certificate_fingerprint_and_context() {
    let server = Server::with(KEY1);
    let bench = server.bench();
    let (one, two) = (fingerprint(KEY1), fingerprint(KEY2));
    std::fs::create_dir_all(bench.path("repo/.git")).unwrap();
    std::fs::create_dir_all(bench.path("repo/apps/a")).unwrap();
    bench.write("repo/apps/a/plain.yaml", secret("db"));
    bench.write("repo/prod.pem", vector(KEY2));
    let config = |text: String| {
        bench.write("repo/.bulla.yaml", text);
    };
    let seal = |args: &[&str]| bench.bulla(&[&["seal", "repo/apps/a/plain.yaml"], args].concat());

    // A file of the repository; no cluster is asked.
    config("clusters: {prod: {certificate: prod.pem, context: prod}}\n".to_owned());
    let sealed = seal(&[]);
    assert!(sealed.stderr.contains("repo/prod.pem"), "{}", sealed.stderr);
    opens(&bench, "key2", &sealed.ok());
    assert_eq!((server.asked(), pins(&bench).len()), (0, 0));

    config(format!("clusters: {{prod: {{certificate: prod.pem, fingerprint: \"{one}\"}}}}\n"));
    seal(&[]).fails(
        1,
        &["(E0310)", &format!("the certificate is {two}, but .bulla.yaml pins {one}"), "clusters.prod.fingerprint"],
    );
    opens(&bench, "key2", &seal(&["--accept-fingerprint", &two]).ok());
    config(format!("clusters: {{prod: {{certificate: prod.pem, fingerprint: \"{two}\"}}}}\n"));
    opens(&bench, "key2", &seal(&[]).ok());

    config("clusters: {prod: {certificate: gone.pem, context: prod}}\n".to_owned());
    seal(&[]).fails(1, &["(E0101)", "gone.pem", "for the cluster prod", "bulla cert fetch --context prod -w"]);

    // Only a fingerprint: the cluster's own, if it is that one.
    config(format!("clusters: {{prod: {{context: prod, fingerprint: \"{two}\"}}}}\n"));
    seal(&[]).fails(1, &["(E0310)", ".bulla.yaml pins", "bulla cert fetch --context prod | bulla cert show -"]);
    config(format!("clusters: {{prod: {{context: prod, fingerprint: \"{one}\"}}}}\n"));
    opens(&bench, "key1", &seal(&[]).ok());
    config("clusters: {prod: {context: nowhere}}\n".to_owned());
    seal(&[]).fails(1, &["nowhere"]);

    // Several clusters: by rule, by name, or not at all.
    let several = "clusters: {prod: {certificate: prod.pem}, test: {context: a}}\n";
    config(several.to_owned());
    seal(&[]).fails(1, &["(E0805)", "describes 2 clusters", "--cluster prod or --cluster test"]);
    opens(&bench, "key2", &seal(&["--cluster", "prod"]).ok());
    opens(&bench, "key1", &seal(&["--cluster", "test"]).ok());
    opens(&bench, "key1", &seal(&["--context", "a"]).ok());
    seal(&["--cluster", "prd"]).fails(1, &["(E0804)", "did you mean prod?"]);
    config(format!("{several}rules: [{{path: 'apps/**', clusters: [prod]}}]\n"));
    opens(&bench, "key2", &seal(&[]).ok());
    bench.bulla(&["seal", "--cluster", "prod", "plain.yaml"]).fails(1, &["(E0804)", "no .bulla.yaml"]);
}

#[test]
fn the_policy_warns_of_old_certificates() {
    let bench = Bench::new();
    bench.write("plain.yaml", secret("db"));
    bench.write(".bulla.yaml", "policy: {certificate-max-age: 1h}\n");
    let file = vectors(KEY1).display().to_string();
    let ran = bench.bulla(&["seal", "-q", "--cert", &file, "plain.yaml"]);
    assert!(ran.stderr.contains("wants none older than"), "{}", ran.stderr);
    ran.ok();
    bench.write(".bulla.yaml", "policy: {certificate-max-age: 90000w}\n");
    assert_eq!(bench.bulla(&["seal", "-q", "--cert", &file, "plain.yaml"]).stderr, "");
}

#[test]
fn what_would_be_used_can_be_shown() {
    let server = Server::with(KEY1);
    let bench = server.bench();
    let shown = bench.bulla(&["cert", "show"]).ok();
    assert!(shown.contains(&fingerprint(KEY1)) && shown.contains("from         Service kube-system/"), "{shown}");
    bench.write(".bulla.yaml", "clusters: {prod: {certificate: prod.pem}}\n");
    bench.write("prod.pem", vector(KEY2));
    let shown: serde_json::Value = serde_json::from_str(&bench.bulla(&["cert", "show", "--json"]).ok()).unwrap();
    assert_eq!(shown["fingerprint"], *fingerprint(KEY2));
    assert!(shown["from"].as_str().unwrap().ends_with("prod.pem"));
}
