//! The commands that go on: devcluster, controller, quickstart.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use support::{BULLA, Bench, CANARY, run};

/// Ends the process with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn devcluster(bench: &Bench) -> (Running, String) {
    let mut command = bench.command(BULLA);
    command.args(["devcluster", "--kubeconfig", "dev.kubeconfig"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Running(child), line)
}

fn terminate(child: &Child) {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
}

#[test]
fn devcluster_prints_one_line_when_ready_and_stops_in_order() {
    let bench = Bench::new();
    let (mut running, line) = devcluster(&bench);
    assert!(line.starts_with("ready at https://127.0.0.1:"), "{line}");
    assert!(line.ends_with(", kubeconfig dev.kubeconfig\n"), "{line}");
    assert!(bench.read("dev.kubeconfig").contains("server: https://127.0.0.1:"));
    terminate(&running.0);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

#[test]
fn devcluster_goes_on_where_it_was_with_data() {
    let bench = Bench::new();
    let start = || {
        let mut command = bench.command(BULLA);
        command.args(["devcluster", "--kubeconfig", "dev.kubeconfig", "--data", "data"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready at "), "{line}");
        Running(child)
    };
    let same = |kubeconfig: &str| -> Vec<String> {
        let kept = |line: &&str| line.contains("token:") || line.contains("certificate-authority-data:");
        kubeconfig.lines().filter(kept).map(str::to_owned).collect()
    };
    let running = start();
    let before = same(&bench.read("dev.kubeconfig"));
    assert_eq!(before.len(), 2);
    let second = ["devcluster", "--kubeconfig", "dev.kubeconfig", "--data", "data"];
    bench.bulla(&second).fails(1, &["data is in use by another process"]);
    drop(running);
    let running = start();
    assert_eq!(same(&bench.read("dev.kubeconfig")), before, "token and authority stay");
    drop(running);
    bench.write("dev.kubeconfig.key", "nonsense");
    bench.bulla(&second).fails(1, &["dev.kubeconfig.key"]);
}

#[test]
fn devcluster_is_not_open_to_other_machines_by_accident() {
    let bench = Bench::new();
    let ran = bench.bulla(&["devcluster", "--kubeconfig", "k", "--listen", "0.0.0.0:0"]);
    ran.fails(1, &["(E0604)", "other machines", "--insecure-expose"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    bench.bulla(&["devcluster", "--kubeconfig", "k", "--listen", &address]).fails(1, &["(E0601)", &address]);
    bench.bulla(&["devcluster", "--kubeconfig", "missing/k"]).fails(1, &["(E0103)", "missing/k"]);
    bench.bulla(&["devcluster"]).fails(3, &["(E0001)", "--kubeconfig"]);
}

#[test]
fn the_controller_says_why_it_cannot_start() {
    let bench = Bench::new();
    bench.bulla(&["controller"]).fails(1, &["(E0501)", "--kubeconfig"]);
    bench.bulla(&["controller", "--kubeconfig", "missing"]).fails(1, &["(E0501)", "missing: no such file"]);
    bench.write("broken", "clusters: [token-of-somebody\n");
    let stderr = bench.bulla(&["controller", "--kubeconfig", "broken"]).fails(1, &["(E0502)"]);
    assert!(!stderr.contains("token-of-somebody"), "{stderr}");
    // A credential plugin whose output, arguments and environment hold what nobody may see.
    bench.write(
        "plugin",
        format!(
            "clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1'}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n\
             users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Never, \
             args: [-c, 'echo $PASSWORD; exit 3', {CANARY}], env: [{{name: PASSWORD, value: {CANARY}}}]}}}}}}]\n"
        ),
    );
    let expected =
        ["(E0510)", "log in to the cluster: the credential plugin failed: exit status: 3", "kubectl auth whoami"];
    bench.bulla(&["controller", "--kubeconfig", "plugin"]).fails(1, &expected);
    bench.bulla(&["controller", "--listen-addr", "nowhere"]).fails(1, &["(E0602)", "nowhere"]);
    bench.bulla(&["controller", "--key-size", "1000"]).fails(3, &["(E0001)", "1000 bits"]);

    let (_running, _) = devcluster(&bench);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = bench.bulla(&["controller", "--kubeconfig", "dev.kubeconfig", "--listen-addr", &address]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("(E0601)") && ran.stderr.contains(&address), "{}", ran.stderr);
    assert!(ran.stderr.contains("--listen-addr ADDRESS"), "{}", ran.stderr);
}

#[test]
fn under_the_name_controller_it_is_the_stock_controller() {
    let bench = Bench::new();
    let link = bench.path("controller");
    std::os::unix::fs::symlink(BULLA, &link).unwrap();
    let controller = |args: &[&str]| {
        let mut command = bench.command(link.to_str().unwrap());
        command.args(args);
        run(command, b"")
    };
    assert!(controller(&["--version"]).ok().starts_with("controller version: v0.40.0"));
    controller(&["--nonsense"]).fails(2, &["--nonsense"]);
    controller(&["--update-status=true", "--key-renew-period", "0", "--rate-limit=4"]).fails(2, &["(E0501)"]);
    // Go's words, the last of two, words that are no flags, and negative numbers.
    let pflag =
        ["--skip-recreate", "--skip-recreate=F", "word", "--kubeclient-qps", "-1", "--additional-namespaces", "a,b"];
    controller(&pflag).fails(2, &["(E0501)"]);
    controller(&["--update-status=yes"]).fails(2, &["--update-status"]);
    controller(&["--key-size"]).fails(2, &["--key-size"]);

    let with = |name: &str, value: &str| {
        let mut command = bench.command(link.to_str().unwrap());
        command.env(name, value);
        run(command, b"")
    };
    // What does not parse in the environment is left out, as by the stock controller, and named.
    with("SEALED_SECRETS_KEY_SIZE", "many").fails(2, &["(E0501)", "SEALED_SECRETS_KEY_SIZE"]);
    with("SEALED_SECRETS_UPDATE_STATUS", "perhaps").fails(2, &["(E0501)", "SEALED_SECRETS_UPDATE_STATUS"]);
    let stderr = with("SEALED_SECRETS_UPDATE_STATUS", "false").fails(2, &["(E0501)"]);
    assert!(!stderr.contains("SEALED_SECRETS_UPDATE_STATUS"), "{stderr}");
}

#[test]
fn controller_and_devcluster_work_together_and_the_certificate_can_be_fetched() {
    let bench = Bench::new();
    let (_cluster, _) = devcluster(&bench);
    let mut command = bench.command(BULLA);
    command
        .args(["controller", "--kubeconfig", "dev.kubeconfig", "--namespace", "kube-system", "--log-format", "json"])
        .args(["--key-size", "2048", "--listen-addr", "127.0.0.1:0", "--listen-metrics-addr", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let lines = BufReader::new(running.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut address = None;
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        if address.is_none() && event["msg"] == "HTTP server serving" {
            address = Some(event["addr"].as_str().unwrap().to_owned());
        }
        if event["msg"]
            .as_str()
            .is_some_and(|text| text.to_lowercase().contains("generated") || text.contains("New key"))
        {
            break;
        }
    }
    // From here on nobody reads the log, and the controller must go on.
    let url = format!("http://{}/v1/cert.pem", address.unwrap());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let fetched = loop {
        let ran = bench.bulla(&["cert", "fetch", "--url", &url]);
        if ran.code == 0 || std::time::Instant::now() > deadline {
            break ran;
        }
    };
    assert!(fetched.stderr.contains("RSA-2048"), "{}", fetched.stderr);
    assert!(fetched.ok().starts_with("-----BEGIN CERTIFICATE-----"));
    bench.bulla(&["cert", "fetch", "--url", &url.replace("cert.pem", "none")]).fails(1, &["(E0506)", "404 Not Found"]);
    // The development cluster runs no pods, so there is no Service to ask.
    bench
        .bulla(&["cert", "fetch", "--kubeconfig", "dev.kubeconfig"])
        .fails(1, &["(E0504)", "sealed-secrets-controller"]);
    terminate(&running.0);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

#[test]
fn the_quickstart_really_happens() {
    let bench = Bench::new();
    let ran = bench.bulla(&["quickstart", "--json"]);
    let text = ran.ok();
    let steps: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(steps.iter().all(|step| step["ok"] == true && step["command"].is_string() && step["detail"].is_string()));
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    for name in [
        "devcluster",
        "controller",
        "seal",
        "apply",
        "synced",
        "read-back",
        "restore",
        "refuse-renamed",
        "renew-key",
        "reseal",
    ] {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    let seconds = steps.last().unwrap()["seconds"].as_f64().unwrap();
    assert!(seconds < 60.0, "it took {seconds} s");

    // Told as text, without colour where there is no terminal.
    let told = bench.bulla(&["quickstart"]).ok();
    assert!(
        !told.contains('\u{1b}') && told.contains("$ bulla seal --cert cert.pem") && told.contains("It all happened")
    );
}

#[test]
fn the_quickstart_can_be_kept_and_its_cluster_talked_to() {
    let bench = Bench::new();
    let mut command = bench.command(BULLA);
    command.args(["quickstart", "--keep", "--json"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let kubeconfig = lines.find_map(|line| Some(line.split_once("KUBECONFIG=")?.1.to_owned())).unwrap();
    if Command::new("kubectl").arg("version").arg("--client").output().is_ok() {
        let output = bench
            .command("kubectl")
            .args(["--kubeconfig", &kubeconfig, "get", "sealedsecrets", "-n", "shop", "-o", "name"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.lines().count(), 4, "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    terminate(&running.0);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert!(!std::path::Path::new(&kubeconfig).exists(), "the folder is removed");
}

#[test]
fn an_interrupted_quickstart_says_so_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let folder = bench.path("temporary");
    std::fs::create_dir(&folder).unwrap();
    let mut command = bench.command(BULLA);
    command.args(["quickstart", "--json"]).env("TMPDIR", &folder).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let mut line = String::new();
    let mut lines = BufReader::new(running.0.stdout.take().unwrap());
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("\"step\":\"devcluster\""), "{line}");
    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the story's folder is left behind");
}
