//! The audit log, in a PostgreSQL of the test's own. `/etc/sops` is that of a private mount namespace.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::support::{BULLA, Bench, Ran, run, vectors};
use super::{Running, peers_are_required, until};

const RECIPIENT: &str = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";
const PORT: &str = "5432";

/// The newest PostgreSQL of the system.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("postgres").exists()).max()
}

/// Runs `command` as somebody who is not root: PostgreSQL refuses root.
fn unprivileged(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

struct Database {
    _server: Running,
    bin: PathBuf,
    folder: PathBuf,
}

impl Database {
    fn start(bench: &Bench, bin: PathBuf) -> Self {
        let folder = bench.path("database");
        std::fs::create_dir(&folder).expect("a folder");
        // The folder of the bench is its owner's only.
        for path in [bench.folder.path(), &folder] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            std::fs::set_permissions(path, mode).expect("ours");
        }
        let data = folder.join("data");
        let mut init = unprivileged(&bin.join("initdb"));
        let made = init.args(["-A", "trust", "-U", "sops", "-N", "-D"]).arg(&data).output().expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = unprivileged(&bin.join("postgres"));
        // No address: only the socket, which nobody else can take.
        server.arg("-D").arg(&data).arg("-k").arg(&folder).args([
            "-p",
            PORT,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]);
        let server = Running(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres"));
        let database = Self { _server: server, bin, folder };
        until("the database answers", || database.sql("SELECT 1").is_ok());
        database
    }

    fn sql(&self, query: &str) -> Result<String, String> {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-U", "sops", "-p", PORT, "-d", "postgres", "-c", query, "-h"])
            .arg(&self.folder);
        let output = psql.output().expect("psql");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn connection(&self) -> String {
        format!("host={} port={PORT} user=sops dbname=postgres", self.folder.display())
    }
}

/// `bulla sops …` with this file as `/etc/sops/audit.yaml`, in a mount namespace of its own.
fn audited(bench: &Bench, config: &str, args: &[&str]) -> Ran {
    bench.write("audit.yaml", config);
    let mut command = bench.command("unshare");
    // A copy of /etc with one folder more takes its place.
    let script = "mkdir -p etc && cp -r /etc/passwd /etc/hosts /etc/ssl etc/ 2>/dev/null; mkdir -p etc/sops && \
                  cp audit.yaml etc/sops/ && mount --bind etc /etc && exec \"$@\"";
    command.args(["-r", "-m", "sh", "-c", script, "sh", BULLA, "sops"]).args(args);
    command.env("SOPS_AGE_KEY_FILE", vectors("sops/keys/age-a.txt"));
    run(command, b"")
}

#[test]
fn what_is_done_to_files_is_recorded_and_nothing_is_done_that_cannot_be() {
    let Some(bin) = programs() else {
        assert!(!peers_are_required(), "no PostgreSQL in /usr/lib/postgresql (apt-get install postgresql)");
        eprintln!("SKIPPED: no PostgreSQL in /usr/lib/postgresql (apt-get install postgresql)");
        return;
    };
    let bench = Bench::new();
    let database = Database::start(&bench, bin);
    bench.write("plain.yaml", "a: 1\n");
    let config = format!("backends:\n  postgres:\n    - connection_string: \"{}\"\n", database.connection());
    // No table yet: the entry cannot be made, and nothing is printed.
    let failed = audited(&bench, &config, &["encrypt", "--age", RECIPIENT, "plain.yaml"]);
    failed.fails(
        1,
        &["[AUDIT]", "level=fatal", "Failed to insert audit record: pq: relation \\\"audit_event\\\" does not exist"],
    );

    let columns =
        "id SERIAL PRIMARY KEY, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, action TEXT, username TEXT, file TEXT";
    database.sql(&format!("CREATE TABLE audit_event ({columns})")).expect("a table");
    let sealed = audited(&bench, &config, &["encrypt", "--age", RECIPIENT, "plain.yaml"]).ok();
    bench.write("secret.yaml", sealed);
    assert_eq!(audited(&bench, &config, &["decrypt", "secret.yaml"]).ok(), "a: 1\n");
    audited(&bench, &config, &["rotate", "--in-place", "secret.yaml"]).ok();
    let file = |name: &str| bench.path(name).canonicalize().expect("it is there").display().to_string();
    let (plain, secret) = (file("plain.yaml"), file("secret.yaml"));
    assert_eq!(
        database.sql("SELECT action, username, file FROM audit_event ORDER BY id").expect("rows"),
        format!(
            "encrypt|root|{plain}\ndecrypt|root|{secret}\nrotate|root|{secret}\ndecrypt|root|{secret}\nencrypt|root|{secret}"
        )
    );

    // Whatever is asked for, and before the words are looked at; the password is not shown.
    for args in [&["decrypt", "secret.yaml"][..], &["--version"], &["nonsense"]] {
        let dead = "backends:\n  postgres:\n    - connection_string: postgres://a:canary-Hunter2-tweet@127.0.0.1:1/x\n";
        audited(&bench, dead, args)
            .fails(1, &["connecting to audit database", "one or more audit backends reported errors, exiting"]);
    }
    audited(&bench, "backends: [", &["--version"]).fails(1, &["Error unmarshalling config"]);
    for nothing in ["", "backends:\n", "backends:\n  postgres: []\n"] {
        assert_eq!(audited(&bench, nothing, &["decrypt", "secret.yaml"]).ok(), "a: 1\n");
    }
}
