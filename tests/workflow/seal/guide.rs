//! Every command of docs/sealing.md is run, in the order of the guide, in a folder that has what it speaks of.

use std::path::Path;

use super::certificates::{KEY1, Server, fingerprint};
use crate::support::{BULLA, run, secret};

/// The lines of all code blocks that begin with `bulla `.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).filter(|line| line.starts_with("bulla "));
    lines.map(|line| line.split(" # ").next().unwrap().trim().to_owned()).collect()
}

/// The block behind ```` ```yaml ````.
fn config(text: &str) -> &str {
    text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap()
}

#[test]
fn every_command_of_the_guide_works() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sealing.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let server = Server::with(KEY1);
    let bench = server.bench();
    let bin = Path::new(BULLA).parent().unwrap().display().to_string();
    bench.write("secret.yaml", secret("db"));
    std::fs::create_dir_all(bench.path("apps/shop/secrets")).unwrap();
    bench.write("apps/shop/secrets/db.yaml", secret("db"));
    let commands = commands(&guide);
    assert!(commands.len() >= 9, "{commands:?}");
    for line in &commands {
        let line = line.replace("SHA256:…", &fingerprint(KEY1)).replace(" FILE", " secret.yaml");
        let mut command = bench.command("sh");
        let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
        command.args(["-c", &line]).env("PATH", path);
        let ran = run(command, b"a password\n");
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    }
    for made in ["cert.pem", "db.sealed.yaml", "sealed/shop/secrets/db.yaml"] {
        assert!(bench.path(made).exists(), "{made}");
    }
    // The example of .bulla.yaml is one.
    bench.write(".bulla.yaml", config(&guide));
    std::fs::create_dir(bench.path("certs")).unwrap();
    std::fs::copy(bench.path("cert.pem"), bench.path("certs/prod-eu.pem")).unwrap();
    bench
        .bulla(&["seal", "apps/shop/secrets/db.yaml"])
        .fails(1, &["(E0310)", "but .bulla.yaml pins SHA256:47DEQpj8HBSa"]);
    // Every way to give a value that the table names is a flag.
    let help = bench.bulla(&["seal", "--help"]).ok();
    let table = guide.lines().filter(|line| line.starts_with("| "));
    for flag in
        table.flat_map(|line| line.split('`')).flat_map(|code| code.split(' ')).filter(|word| word.starts_with("--"))
    {
        assert!(help.contains(flag), "{flag}");
    }
}
