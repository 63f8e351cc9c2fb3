//! The first screen of README.md, run as it stands but for the ports, which other processes may have taken.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{BULLA, Bench, run};

/// Ends the process with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The shell blocks under a heading.
fn blocks(heading: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(&format!("## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_first_screen_of_the_readme_is_true() {
    if Command::new("kubectl").arg("help").output().is_err() {
        return;
    }
    let [servers, shell] = blocks("Seal your first Secret").try_into().unwrap();
    let bench = Bench::new();
    fs::create_dir(bench.path("bin")).unwrap();
    std::os::unix::fs::symlink(BULLA, bench.path("bin/bulla")).unwrap();
    let path = format!("{}:{}", bench.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let sh = |script: &str| {
        let mut command = bench.command("bash");
        command.args(["-e", "-o", "pipefail", "-c", script]).env("PATH", &path);
        command
    };
    let lines: Vec<&str> = servers.lines().collect();
    assert!(lines[0].starts_with("cargo install "), "{servers}");
    let [cluster, controller] =
        [lines[1], lines[2]].map(|line| format!("exec {}", line.split('#').next().unwrap().trim()));
    let mut cluster =
        Running(sh(&cluster).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    BufReader::new(cluster.0.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let ports = "--listen-addr 127.0.0.1:0 --listen-metrics-addr 127.0.0.1:0 --log-format json";
    let mut controller = sh(&format!("{controller} {ports}"));
    let mut controller =
        Running(controller.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(controller.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = log.find_map(|line| {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        (event["msg"] == "HTTP server serving").then(|| event["addr"].as_str().unwrap().to_owned())
    });
    // The log must be read on, or the controller could not write it.
    std::thread::spawn(move || log.for_each(drop));

    assert!(shell.contains("http://localhost:8080"), "{shell}");
    let shell = shell.replace("localhost:8080", &address.unwrap());
    // A person does not type before there is a certificate.
    let fetch = shell.lines().find(|line| line.starts_with("bulla cert fetch")).unwrap();
    let ready = format!("for _ in $(seq 600); do {fetch} 2>/dev/null && break; sleep 0.1; done\n");
    let ran = run(sh(&(ready + &shell)), b"");
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.ends_with("throw-away"), "{}", ran.stdout);
}
