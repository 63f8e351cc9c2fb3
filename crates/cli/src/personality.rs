//! Which tool this is: by the name of the program, or by the first word (`bulla kubeseal …`).

use std::ffi::OsString;
use std::path::Path;

/// A tool that the binary can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Personality {
    Bulla,
    Kubeseal,
    Sops,
    Controller,
}

/// Runs the program with its arguments, the name first, and returns the exit code.
pub(crate) fn run(mut args: Vec<OsString>) -> u8 {
    match choose(&args) {
        (Personality::Bulla, _) => crate::cli::run(args),
        (Personality::Kubeseal, skipped) => {
            let rest = args.split_off(skipped);
            let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
            crate::kubeseal::run(&words.join(" "), rest)
        }
        (Personality::Sops, skipped) => {
            let rest = args.split_off(skipped);
            let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
            crate::sops::run(&words.join(" "), rest)
        }
        (Personality::Controller, _) => crate::cli::stock::run(args),
    }
}

/// The personality, and how many words it leaves before the arguments of its tool. `bulla controller` is a command of
/// bulla's own grammar; only the name `controller` makes it the stock controller's.
fn choose(args: &[OsString]) -> (Personality, usize) {
    let name = args.first().and_then(|program| Path::new(program).file_stem()?.to_str());
    match name {
        Some("kubeseal") => return (Personality::Kubeseal, 1),
        Some("sops") => return (Personality::Sops, 1),
        Some("controller") => return (Personality::Controller, 1),
        _ => {}
    }
    match args.get(1).and_then(|word| word.to_str()) {
        Some("kubeseal") => (Personality::Kubeseal, 2),
        Some("sops") => (Personality::Sops, 2),
        _ => (Personality::Bulla, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_decides() {
        let choose = |words: &[&str]| choose(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(choose(&["bulla", "seal"]), (Personality::Bulla, 1));
        assert_eq!(choose(&["/usr/local/bin/kubeseal", "--raw"]), (Personality::Kubeseal, 1));
        assert_eq!(choose(&["kubeseal.exe"]), (Personality::Kubeseal, 1));
        assert_eq!(choose(&["bulla", "kubeseal", "--raw"]), (Personality::Kubeseal, 2));
        assert_eq!(choose(&["/opt/bin/sops", "-d", "f"]), (Personality::Sops, 1));
        assert_eq!(choose(&["bulla", "sops", "-d", "f"]), (Personality::Sops, 2));
        assert_eq!(choose(&["controller"]), (Personality::Controller, 1));
        assert_eq!(choose(&[]), (Personality::Bulla, 1));
    }
}
