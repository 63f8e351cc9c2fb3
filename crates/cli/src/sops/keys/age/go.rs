//! How the real tool words what goes wrong around identities: its operating system's errors, its Bech32, its age library. Nothing here
//! repeats a secret.

use std::path::Path;
use std::process::ExitStatus;

use age::DecryptError;

use crate::report::os_error;

/// `open PATH: no such file or directory`
pub(super) fn path_error(operation: &str, path: &Path, error: &std::io::Error) -> String {
    format!("{operation} {}: {}", path.display(), os_error(error))
}

/// `exit status 1`, `signal: killed`
pub(super) fn exit(status: ExitStatus) -> String {
    if let Some(code) = status.code() {
        return format!("exit status {code}");
    }
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            1 => "hangup".to_owned(),
            2 => "interrupt".to_owned(),
            6 => "aborted".to_owned(),
            9 => "killed".to_owned(),
            11 => "segmentation fault".to_owned(),
            13 => "broken pipe".to_owned(),
            15 => "terminated".to_owned(),
            other => format!("signal {other}"),
        };
        return format!("signal: {name}");
    }
    "exit status unknown".to_owned()
}

/// Why a program did not start.
pub(super) fn not_started(program: &str, error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::NotFound && !program.contains('/') {
        format!("exec: {program:?}: executable file not found in $PATH")
    } else {
        format!("fork/exec {program}: {}", os_error(error))
    }
}

/// What is wrong with the header of an age file.
pub(super) fn header(error: &DecryptError) -> String {
    match error {
        DecryptError::UnknownFormat => "unexpected intro".to_owned(),
        DecryptError::Io(error) => format!("failed to read intro: {}", os_error(error)),
        _ => "malformed header".to_owned(),
    }
}

/// Why an identity could not be asked. Identities of ours say it in their own words.
pub(super) fn identity(error: &DecryptError) -> String {
    match error {
        DecryptError::Io(error) => os_error(error),
        DecryptError::ExcessiveWork { required, target } => {
            format!("the passphrase was given a work factor of {required}, and more than {target} is refused")
        }
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => "failed to decrypt file key".to_owned(),
        DecryptError::InvalidHeader | DecryptError::InvalidMac => "bad header MAC".to_owned(),
        DecryptError::MissingPlugin { binary_name } => {
            format!("{binary_name} is not installed: executable file not found in $PATH")
        }
        _ => "the identity cannot be used".to_owned(),
    }
}

/// Why a text is not Bech32; `None` if it is.
pub(super) fn bech32(text: &str) -> Option<String> {
    const CHARSET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    if text.to_lowercase() != text && text.to_uppercase() != text {
        return Some("mixed case".to_owned());
    }
    let length = text.len();
    let Some(position) = text.rfind('1').filter(|position| *position >= 1 && position + 7 <= length) else {
        let position = text.rfind('1').map_or_else(|| "-1".to_owned(), |position| position.to_string());
        return Some(format!("separator '1' at invalid position: pos={position}, len={length}"));
    };
    let (name, data) = (text[..position].to_lowercase(), text[position + 1..].to_lowercase());
    if let Some((at, character)) = name.char_indices().find(|(_, character)| !('!'..='~').contains(character)) {
        return Some(format!("invalid character human-readable part: s[{at}]={}", u32::from(character)));
    }
    let mut checksum = 1;
    let mut step = |value: u32| {
        const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let top = checksum >> 25;
        checksum = (checksum & 0x01ff_ffff) << 5 ^ value;
        for (bit, generator) in GENERATORS.iter().enumerate() {
            checksum ^= if top >> bit & 1 == 1 { *generator } else { 0 };
        }
    };
    name.bytes().for_each(|byte| step(u32::from(byte) >> 5));
    step(0);
    name.bytes().for_each(|byte| step(u32::from(byte) & 31));
    for (at, character) in data.char_indices() {
        let Some(value) = CHARSET.find(character).and_then(|value| u32::try_from(value).ok()) else {
            return Some(format!("invalid character data part: s[{at}]={}", u32::from(character)));
        };
        step(value);
    }
    (checksum != 1).then(|| "invalid checksum".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bech32_is_judged_as_the_real_tool_judges_it() {
        let good = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";
        assert_eq!(bech32(good), None);
        for (text, expected) in [
            ("age1xxx", "separator '1' at invalid position: pos=3, len=7"),
            ("age1foo1qqqq", "separator '1' at invalid position: pos=7, len=12"),
            ("foo", "separator '1' at invalid position: pos=-1, len=3"),
            ("age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru5", "invalid checksum"),
            ("age1Ufcq49ytpa77", "mixed case"),
            ("age1bfcq49ytpa77", "invalid character data part: s[0]=98"),
            ("a\u{e9}1fcq49ytpa77", "invalid character human-readable part: s[1]=233"),
        ] {
            assert_eq!(bech32(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn programs_that_do_not_start_are_named() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(not_started("nonexist", &error), r#"exec: "nonexist": executable file not found in $PATH"#);
        assert_eq!(not_started("/x/y", &error), "fork/exec /x/y: no such file or directory");
        assert_eq!(path_error("open", Path::new("/x"), &error), "open /x: no such file or directory");
    }
}
