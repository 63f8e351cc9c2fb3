//! Files that sops 3.13.3 wrote open here, and what we write is laid out as it lays it out. tests/vectors/sops/MANIFEST says how each
//! was made; the keys are throw-away keys.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

use std::path::{Path, PathBuf};

use bulla_core::age::Identities;
use bulla_core::secret::SecretBytes;
use bulla_core::sops::{self, DataKey, Error, Format, Indents, MasterKey, Metadata, Nonces};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/sops")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(vectors().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn identities() -> Identities {
    let mut all = Identities::from_file(&read("keys/age-a.txt")).unwrap();
    for name in ["age-b.txt", "age-c.txt", "age-pq.txt"] {
        all.add(Identities::from_file(&read(&format!("keys/{name}"))).unwrap());
    }
    all
}

fn unwrap(identities: &Identities, key: &MasterKey) -> Result<SecretBytes, Vec<String>> {
    identities.decrypt(key.enc.as_bytes(), 64).map(SecretBytes::from).map_err(|error| vec![error.to_string()])
}

fn data_key(metadata: &Metadata) -> Option<DataKey> {
    let identities = identities();
    metadata.recover(&[], &mut |key| unwrap(&identities, key)).ok()
}

/// Names of the files that our age identities open, with their formats inside and outside.
fn files() -> Vec<(String, Format, Format)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(vectors().join("enc")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let format = if name.starts_with("bin.") { Format::Binary } else { Format::of_path(&name) };
        files.push((name, format, format));
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    files
}

#[test]
fn every_file_opens_to_what_sops_prints() {
    let mut opened = 0;
    for (name, format, output) in files() {
        let (mut tree, metadata) =
            format.load_encrypted(&read(&format!("enc/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Some(key) = data_key(&metadata) else {
            assert!(name.contains("pgp") || name.contains("ssh") || name.contains("mixed"), "{name} does not open");
            continue;
        };
        let result = sops::decrypt(&mut tree, &key, &metadata);
        if name.starts_with("bad.") {
            match result {
                Err(Error::Sealed { .. }) => assert!(name.contains("tampered"), "{name}"),
                Err(error) => panic!("{name}: {error}"),
                Ok(decrypted) => assert!(
                    matches!(metadata.check_mac(&key, &decrypted.mac), Err(Error::MacMismatch { .. })),
                    "{name}"
                ),
            }
            continue;
        }
        let decrypted = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        metadata.check_mac(&key, &decrypted.mac).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = output.emit_plain(&tree, Indents::default()).unwrap();
        let expected = read(&format!("dec/{name}"));
        assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(&expected), "{name}");
        opened += 1;
    }
    assert!(opened >= 28, "{opened} opened");
}

#[test]
fn what_did_not_change_keeps_its_bytes() {
    for (name, format, _) in files() {
        // A binary file names no selector until sops writes it again.
        if name.starts_with("bad.") || format == Format::Binary {
            continue;
        }
        let bytes = read(&format!("enc/{name}"));
        let (mut tree, mut metadata) = format.load_encrypted(&bytes).unwrap();
        let Some(key) = data_key(&metadata) else { continue };
        let decrypted = sops::decrypt(&mut tree, &key, &metadata).unwrap();
        let mac = sops::encrypt(&mut tree, &key, &metadata, &decrypted.nonces).unwrap();
        assert_eq!(mac, decrypted.mac, "{name}");
        let stored = std::mem::take(&mut metadata.mac);
        metadata.set_mac(&key, &mac).unwrap();
        metadata.check_mac(&key, &mac).unwrap();
        metadata.mac = stored;
        let indents = Indents { yaml: if name.contains("indent2") { 2 } else { 4 }, ..Indents::default() };
        let written = format.emit_encrypted(tree, &metadata, indents).unwrap();
        // An encrypted comment behind a value comes back above it, as with sops: then the lines are the same, in another order.
        let lines = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace(" #ENC[", "\n#ENC[");
            let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
            lines.retain(|line| !line.is_empty());
            lines.sort();
            lines
        };
        assert_eq!(lines(&written), lines(&bytes), "{name}");
        if !String::from_utf8_lossy(&bytes).contains(" #ENC[") {
            assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&bytes), "{name}");
        }
    }
}

#[test]
fn one_flipped_bit_in_a_sealed_position_never_opens() {
    let bytes = read("enc/json.age.json");
    let (_, metadata) = Format::Json.load_encrypted(&bytes).unwrap();
    let key = data_key(&metadata).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let sops = text.find("\"sops\"").unwrap();
    let mut flipped = 0;
    for (start, _) in text[..sops].match_indices("ENC[") {
        let end = start + text[start..].find(']').unwrap();
        for at in start..end {
            for bit in [0, 3] {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let Ok((mut tree, metadata)) = Format::Json.load_encrypted(&bytes) else { continue };
                let opened = sops::decrypt(&mut tree, &key, &metadata);
                let opens = opened.is_ok_and(|decrypted| metadata.check_mac(&key, &decrypted.mac).is_ok());
                // The bits behind the last byte of base64 mean nothing.
                let meaningless = bytes[at + 1] == b'=' || bytes[at] == b'=';
                assert!(!opens || meaningless, "byte {at}, bit {bit}");
                flipped += 1;
            }
        }
    }
    assert!(flipped > 1000);
}

#[test]
fn values_in_new_files_get_their_own_nonces() {
    let mut tree = Format::Json.load_plain(br#"{"a": ["x", "x"], "b": ""}"#).unwrap();
    let metadata = Metadata { last_modified: "2026-01-01T00:00:00Z".to_owned(), ..Metadata::new(Default::default()) };
    let key = DataKey::generate().unwrap();
    let mac = sops::encrypt(&mut tree, &key, &metadata, &Nonces::default()).unwrap();
    let text = Format::Json.emit_plain(&tree, Indents::default()).unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    let sealed: std::collections::BTreeSet<_> = text.split('"').filter(|part| part.starts_with("ENC[")).collect();
    assert_eq!(sealed.len(), 2);
    assert!(text.contains("\"b\": \"\""));
    let again = sops::decrypt(&mut tree, &key, &metadata).unwrap();
    assert_eq!(again.mac, mac);
    // Two equal values in one list keep what they have.
    sops::encrypt(&mut tree, &key, &metadata, &again.nonces).unwrap();
    assert_eq!(Format::Json.emit_plain(&tree, Indents::default()).unwrap().as_slice(), text.as_bytes());
}
