//! Programs that bulla calls or stands beside: what is on the PATH, in which version.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::finding::Finding;
use crate::tree::shown;

const AREA: &str = "tools";
/// A program that does not say its version in this time is stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// A program, how it says its version, and what it is for.
struct Tool {
    name: &'static str,
    version: &'static [&'static str],
    without: &'static str,
}

const TOOLS: [Tool; 3] = [
    Tool {
        name: "git",
        version: &["--version"],
        without: "no work tree: seal --update remembers nothing, and keys status sees no branches",
    },
    Tool { name: "kubectl", version: &["version", "--client"], without: "bulla needs none, but its hints name it" },
    Tool { name: "kustomize", version: &["version"], without: "kubectl kustomize does the same for most trees" },
];

pub(super) fn look() -> Vec<Finding> {
    let mut findings: Vec<Finding> = TOOLS.iter().map(tool).collect();
    findings.push(kubeseal());
    findings.extend(editor());
    findings.extend(age_plugins());
    findings
}

fn tool(tool: &Tool) -> Finding {
    match find(tool.name) {
        None => Finding::note(AREA, format!("{} is not on the PATH: {}", tool.name, tool.without), ""),
        Some(path) => match version(&path, tool.version) {
            Some(version) => Finding::ok(AREA, format!("{} {version}", tool.name)),
            None => Finding::note(AREA, format!("{} does not say its version", shown(&path)), ""),
        },
    }
}

/// The name under which scripts call us.
fn kubeseal() -> Finding {
    let Some(path) = find("kubeseal") else {
        return Finding::note(
            AREA,
            "kubeseal is not on the PATH",
            "for scripts that call it: ln -s \"$(command -v bulla)\" ~/.local/bin/kubeseal",
        );
    };
    let same = |own: PathBuf| own.canonicalize().ok() == path.canonicalize().ok();
    if env::current_exe().is_ok_and(same) {
        Finding::ok(AREA, format!("{} is bulla", shown(&path)))
    } else {
        let version = version(&path, &["--version"]).unwrap_or_else(|| "of unknown version".to_owned());
        Finding::note(AREA, format!("{} is another binary, {version}", shown(&path)), "")
    }
}

/// What `edit` opens.
fn editor() -> Option<Finding> {
    let (variable, value) = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| Some((*name, env::var(name).ok().filter(|value| !value.is_empty())?)))?;
    let program = value.split_whitespace().next().unwrap_or_default();
    Some(match find(program) {
        Some(_) => Finding::ok(AREA, format!("{variable} is {value}")),
        None => Finding::note(
            AREA,
            format!("{variable} is {value}, but there is no program {program}"),
            format!("bulla edit cannot open it: export {variable}=vi"),
        ),
    })
}

/// Recipients of other kinds than bulla's own.
fn age_plugins() -> Vec<Finding> {
    let mut names: Vec<String> = folders()
        .filter_map(|folder| folder.read_dir().ok())
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("age-plugin-"))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() { Vec::new() } else { vec![Finding::ok(AREA, format!("age plugins: {}", names.join(", ")))] }
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// A program on the PATH, or at the path that `name` is.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        let Ok(metadata) = path.metadata() else { return false };
        #[cfg(unix)]
        let executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
        #[cfg(not(unix))]
        let executable = true;
        metadata.is_file() && executable
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(is_program);
    }
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    folders().map(|folder| folder.join(&name)).find(is_program)
}

/// The first line of what it says, cut to the version.
fn version(program: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let (send, receive) = mpsc::channel();
    // Ends with the child, whose end of the pipe it reads.
    thread::spawn(move || {
        let mut said = String::new();
        let _ = std::io::Read::read_to_string(&mut std::io::Read::take(&mut stdout, 4096), &mut said);
        let _ = send.send(said);
    });
    let said = receive.recv_timeout(PATIENCE).ok();
    let _ = child.kill();
    let _ = child.wait();
    version_in(&said?)
}

/// `git version 2.39.5` is `2.39.5`, `Client Version: v1.36.3` is `v1.36.3`.
fn version_in(said: &str) -> Option<String> {
    let is_version = |word: &&str| {
        let word = word.strip_prefix('v').unwrap_or(word);
        word.starts_with(|letter: char| letter.is_ascii_digit()) && word.contains('.')
    };
    let word = said
        .lines()
        .next()?
        .split(|letter: char| letter.is_whitespace() || "{}:/\"',".contains(letter))
        .find(is_version)?;
    Some(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_tools_say() {
        for (said, expected) in [
            ("git version 2.39.5\n", Some("2.39.5")),
            ("Client Version: v1.36.3\nKustomize Version: v5.7.1\n", Some("v1.36.3")),
            ("v5.8.0\n", Some("v5.8.0")),
            ("{Version:kustomize/v4.5.7 GitCommit:56 BuildDate:2022-08-02}\n", Some("v4.5.7")),
            ("kubeseal version: 0.40.0\n", Some("0.40.0")),
            ("", None),
        ] {
            assert_eq!(version_in(said).as_deref(), expected, "{said}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert!(find("sh").is_some());
        assert!(find("/bin/sh").is_some());
        assert!(find("no-such-program-of-ours").is_none());
        assert!(find("/").is_none());
    }
}
