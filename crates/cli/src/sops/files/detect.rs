//! Whether a file is one of sops, by its content; its name only says which format is tried.

use std::path::Path;

use bulla_core::sops::Format;

/// The format of an encrypted file; `None` for any other file. Nothing is parsed: whether the metadata is complete is for the
/// reader to say, who has words for it.
pub(crate) fn detect(path: &Path, bytes: &[u8]) -> Option<Format> {
    let format = Format::of_path(&path.to_string_lossy());
    let has_line = |test: &dyn Fn(&[u8]) -> bool| bytes.split(|byte| *byte == b'\n').any(test);
    let is_there = match format {
        Format::Yaml => {
            has_line(&|line| [&b"sops:"[..], b"\"sops\":", b"'sops':"].iter().any(|key| line.starts_with(key)))
                || starts_with_brace(bytes) && has_key(bytes)
        }
        Format::Json => starts_with_brace(bytes) && has_key(bytes),
        Format::Dotenv => has_line(&|line| line.starts_with(b"sops_version=") || line.starts_with(b"sops_mac=")),
        Format::Ini => has_line(&|line| line.trim_ascii() == b"[sops]"),
        // Any other name: the envelope, or a dotenv file that is called otherwise.
        Format::Binary => starts_with_brace(bytes) && has_key(bytes),
    };
    is_there.then_some(format)
}

fn starts_with_brace(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// Whether the text has a key `sops` with a map behind it.
fn has_key(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"\"sops\"";
    bytes.windows(KEY.len()).enumerate().any(|(at, window)| {
        window == KEY
            && bytes[at + KEY.len()..]
                .trim_ascii_start()
                .strip_prefix(b":")
                .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_of_sops_by_its_content() {
        for (name, text, expected) in [
            ("a.yaml", "a: ENC[x]\nsops:\n    mac: x\n", Some(Format::Yaml)),
            ("a.yml", "a: 1\n\"sops\":\n    mac: x\n", Some(Format::Yaml)),
            ("a.yaml", "{\"a\": 1, \"sops\": {}}", Some(Format::Yaml)),
            ("a.yaml", "a: 1\nb:\n  sops:\n    mac: x\n", None),
            ("a.yaml", "a: '\"sops\"'\n", None),
            ("a.json", "\n{\"sops\" : {\"mac\": 1}}", Some(Format::Json)),
            ("a.json", "{\"a\": \"sops\"}", None),
            ("a.json", "[{\"sops\": {}}]", None),
            ("a.env", "A=1\nsops_version=3.9.0\n", Some(Format::Dotenv)),
            ("a.env", "A=sops_version=1\n", None),
            ("a.ini", "[a]\nb = 1\n\n[sops]\nmac = x\n", Some(Format::Ini)),
            ("a.txt", "{\"data\": \"x\", \"sops\": {}}", Some(Format::Binary)),
            ("a.txt", "plain", None),
            ("a", "", None),
        ] {
            assert_eq!(detect(Path::new(name), text.as_bytes()), expected, "{name}: {text}");
        }
    }
}
