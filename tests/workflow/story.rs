//! The whole workflow on a real work tree: the fixture repository is sealed, edited, updated, reset, resealed and rolled back. At
//! each step `git diff` shows the lines of the values that changed and no others, and everything opens with the keys that
//! it should open with, to what Kubernetes' own decoder read in the plain tree.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::golden::{self, Content, Id, World};
use crate::repo::Repo;
use crate::support::{BULLA, Bench, Ran, run, vectors, without_ciphertexts};

const STAGING: &str = "apps/mailer/overlays/staging/secrets/smtp.yaml";
const NEW: &str = "canary-Hunter2-tweet";

struct Story {
    repo: Repo,
    /// The home of whoever works here.
    bench: Bench,
    /// What the tree should mean.
    world: World,
    files: Vec<String>,
}

/// The lines that came and went in one file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changed {
    gone: Vec<String>,
    come: Vec<String>,
}

impl Story {
    fn new() -> Self {
        let repo = Repo::from_fixture();
        let files = repo.secret_files();
        Self { repo, bench: Bench::new(), world: golden::world(), files }
    }

    fn bulla(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.bench.command(BULLA);
        command.current_dir(self.repo.path()).args(args).env("EDITOR", self.bench.path("editor"));
        run(command, input.as_bytes())
    }

    /// What differs from the last commit, by file.
    fn diff(&self) -> BTreeMap<String, Changed> {
        let names = self.repo.git(&["diff", "-z", "--name-only"]);
        let status = self.repo.git(&["status", "--porcelain", "--untracked-files=all", "-z"]);
        assert_eq!(status.matches('\0').count(), names.matches('\0').count(), "something else lies around: {status}");
        let changed = |name: &str| {
            let text = self.repo.git(&["diff", "--unified=0", "--no-color", "--", name]);
            // The headers end with the first hunk.
            let (_, hunks) = text.split_once("\n@@").unwrap();
            let lines =
                |sign: char| hunks.lines().skip(1).filter_map(move |line| line.strip_prefix(sign).map(str::to_owned));
            Changed { gone: lines('-').collect(), come: lines('+').collect() }
        };
        names.split_terminator('\0').map(|name| (name.to_owned(), changed(name))).collect()
    }

    /// Only in `file` something differs: the lines of the keys `gone` are no longer there, those of `come` are new.
    #[track_caller]
    fn differs_in(&self, file: &str, gone: &[&str], come: &[&str]) {
        let diff = self.diff();
        assert_eq!(diff.keys().collect::<Vec<_>>(), [file]);
        let keys = |lines: &[String]| lines.iter().map(|line| key_of(line).to_owned()).collect::<Vec<_>>();
        assert_eq!((keys(&diff[file].gone), keys(&diff[file].come)), (owned(gone), owned(come)), "{:#?}", diff[file]);
    }

    fn unseal(&self, keys: &[&str], files: &[String]) -> Ran {
        let keys: Vec<String> = keys.iter().map(|key| key_file(key)).collect();
        let mut words = vec!["unseal", "-o", "json"];
        words.extend(keys.iter().flat_map(|key| ["--key", key]));
        words.extend(files.iter().map(String::as_str));
        self.bulla(&words, "")
    }

    /// The file that is worked on opens with `keys`, and is what it should be.
    #[track_caller]
    fn opens_with(&self, keys: &[&str]) {
        self.open_with(keys, &[STAGING.to_owned()]);
    }

    /// Everything opens with `keys`, and is what it should be.
    #[track_caller]
    fn all_open_with(&self, keys: &[&str]) {
        self.open_with(keys, &self.files);
    }

    #[track_caller]
    fn open_with(&self, keys: &[&str], files: &[String]) {
        let text = self.unseal(keys, files).ok();
        let secrets = serde_json::Deserializer::from_str(&text).into_iter::<Value>().map(Result::unwrap);
        let text = |secret: &Value, field: &str| secret["metadata"][field].as_str().unwrap_or_default().to_owned();
        let mut found: BTreeMap<Id, Value> =
            secrets.map(|secret| ((text(&secret, "namespace"), text(&secret, "name")), secret)).collect();
        // The API server fills it in.
        found
            .values_mut()
            .filter(|secret| secret["type"].is_null())
            .for_each(|secret| secret["type"] = "Opaque".into());
        let world: Vec<_> = self.world.iter().filter(|(_, secret)| files.contains(&secret.file)).collect();
        assert!(found.keys().eq(world.iter().map(|(id, _)| *id)), "{:?}", found.keys());
        for (id, expected) in world {
            assert_eq!(expected.differences(&found[id]), [] as [String; 0], "{id:?} in {}", expected.file);
        }
    }

    /// Nothing opens with this key alone.
    #[track_caller]
    fn does_not_open_with(&self, key: &str) {
        self.unseal(&[key], &[STAGING.to_owned()]).fails(1, &["(E0404)"]);
    }

    fn item(&mut self, key: &str) -> &mut BTreeMap<String, Content> {
        let secret = self.world.values_mut().find(|secret| secret.file == STAGING && secret.data.contains_key(key));
        &mut secret.unwrap().data
    }

    fn sealed(&self) -> Vec<String> {
        self.files.iter().map(|file| self.repo.read(file)).collect()
    }

    /// The plain form of the file that is edited, as it should be.
    fn plain(&self) -> String {
        let (id, secret) = self.world.iter().find(|(_, secret)| secret.file == STAGING).unwrap();
        let items: BTreeMap<&String, &str> =
            secret.data.iter().map(|(key, value)| (key, std::str::from_utf8(value.beginning()).unwrap())).collect();
        serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "type": secret.secret_type, "stringData": items,
            "metadata": {"name": id.1, "namespace": id.0, "labels": secret.labels, "annotations": secret.annotations},
        })
        .to_string()
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn key_file(name: &str) -> String {
    vectors("sealed/keys").join(name).display().to_string()
}

/// The key of a line that holds a sealed value, in YAML or JSON.
#[track_caller]
fn key_of(line: &str) -> &str {
    let (key, value) = line.trim().split_once(": ").unwrap_or_else(|| panic!("no entry: {line}"));
    assert!(value.trim_start_matches('"').starts_with("Ag"), "no sealed value: {line}");
    key.trim_matches('"')
}

#[test]
fn a_repository_is_sealed_edited_updated_reset_resealed_and_rolled_back() {
    let mut story = Story::new();
    let (old, new) = (key_file("key1.crt"), key_file("key2.crt"));

    // Sealed, each file in its own place.
    story.bulla(&["seal", "-q", "--cert", &old, "-r", ".", "--in-place"], "").ok();
    let diff = story.diff();
    assert!(diff.keys().eq(&story.files), "every plain file is sealed, and nothing else is touched: {:?}", diff.keys());
    story.repo.commit("Seal the tree");
    story.all_open_with(&["key1.key"]);
    story.does_not_open_with("key2.key");
    let sealed = story.sealed();

    // Edited: set, rename, unset.
    story.bulla(&["set", "--cert", &old, STAGING, "password", "--stdin"], NEW).ok();
    story.differs_in(STAGING, &["password"], &["password"]);
    story.item("password").insert("password".to_owned(), Content::Bytes(NEW.into()));
    story.opens_with(&["key1.key"]);
    story.repo.commit("Change the password");

    story.bulla(&["set", "--cert", &old, STAGING, "reply-to", "--stdin"], "a@b").ok();
    story.differs_in(STAGING, &[], &["reply-to"]);
    story.bulla(&["rename", STAGING, "reply-to", "sender"], "").ok();
    story.differs_in(STAGING, &[], &["sender"]);
    story.item("password").insert("sender".to_owned(), Content::Bytes(b"a@b".to_vec()));
    story.opens_with(&["key1.key"]);
    story.bulla(&["unset", STAGING, "sender"], "").ok();
    assert!(story.diff().is_empty(), "what came is gone");
    story.item("password").remove("sender");

    // Edited in an editor, which finds the values in clear text there.
    story.bench.write("editor", "#!/bin/sh\nsed -i 's/tweet/chirp/' \"$1\"\n");
    std::fs::set_permissions(story.bench.path("editor"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let key1 = key_file("key1.key");
    story.bulla(&["edit", "-q", "--cert", &old, "--key", &key1, STAGING], "").ok();
    story.differs_in(STAGING, &["password"], &["password"]);
    story.item("password").insert("password".to_owned(), Content::Bytes(NEW.replace("tweet", "chirp").into()));
    story.opens_with(&["key1.key"]);
    story.repo.commit("Change the password in an editor");

    // Updated from the plain form: only what is new in it is sealed.
    story.item("password").insert("token".to_owned(), Content::Bytes(b"first".to_vec()));
    story.bulla(&["seal", "-q", "--cert", &old, "--update", STAGING], &story.plain()).ok();
    story.differs_in(STAGING, &[], &["token"]);
    story.opens_with(&["key1.key"]);
    story.repo.commit("Add a token");
    story.bulla(&["seal", "-q", "--cert", &old, "--update", STAGING], &story.plain()).ok();
    assert!(story.diff().is_empty(), "the second time nothing is new");
    story.item("password").insert("token".to_owned(), Content::Bytes(b"second".to_vec()));
    story.bulla(&["seal", "-q", "--cert", &old, "--update", STAGING], &story.plain()).ok();
    story.differs_in(STAGING, &["token"], &["token"]);

    // Reset: what was sealed before opens again, and is known again.
    story.repo.git(&["reset", "--quiet", "--hard"]);
    story.item("password").insert("token".to_owned(), Content::Bytes(b"first".to_vec()));
    story.opens_with(&["key1.key"]);
    story.bulla(&["seal", "-q", "--cert", &old, "--update", STAGING], &story.plain()).ok();
    assert!(story.diff().is_empty(), "what lies in the tree is known, whatever came in between");

    // Resealed: every value is on the new key, and not a byte beside them moves.
    let before = story.sealed();
    let key2 = key_file("key2.key");
    let reseal = ["reseal", "-q", "--key", &key1, "--key", &key2, "--cert", &new];
    let check = story.bulla(&[&reseal[..], &["--check"]].concat(), "");
    assert_eq!(check.code, 2, "{}", check.stderr);
    assert!(story.diff().is_empty(), "a check writes nothing");
    story.bulla(&reseal, "").ok();
    let values: usize = story.world.values().map(|secret| secret.data.len()).sum();
    let diff = story.diff();
    assert!(
        diff.keys().eq(story
            .files
            .iter()
            .filter(|file| story.world.values().any(|secret| secret.file == **file && !secret.data.is_empty())))
    );
    let (mut gone, mut come) = (0, 0);
    for (file, changed) in &diff {
        let keys = |lines: &[String]| lines.iter().map(|line| key_of(line).to_owned()).collect::<Vec<_>>();
        assert_eq!(keys(&changed.gone), keys(&changed.come), "{file}");
        gone += changed.gone.len();
        come += changed.come.len();
    }
    assert_eq!((gone, come), (values, values), "each value is one line");
    for (old, new) in before.iter().zip(story.sealed()) {
        assert_eq!(without_ciphertexts(old), without_ciphertexts(&new));
    }
    story.repo.commit("Reseal");
    story.all_open_with(&["key2.key"]);
    story.does_not_open_with("key1.key");
    story.bulla(&reseal, "").ok();
    assert!(story.diff().is_empty(), "what is on the newest key stays as it is");
    assert_eq!(story.bulla(&[&reseal[..], &["--check"]].concat(), "").code, 0);

    // Rolled back, commit by commit.
    story.repo.revert();
    assert_eq!(story.sealed(), before, "the ciphertexts of before");
    story.all_open_with(&["key1.key"]);
    story.does_not_open_with("key2.key");
    story.repo.git(&["revert", "--no-edit", "HEAD~2", "HEAD~3", "HEAD~4"]);
    assert_eq!(story.sealed(), sealed, "back to the sealed tree");
    story.world = golden::world();
    story.all_open_with(&["key1.key"]);
}
