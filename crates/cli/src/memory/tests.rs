use proptest::prelude::*;

use super::*;

const FINGERPRINTS: [&str; 2] =
    ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "SHA256:ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs"];

/// A memory in `root`, as an own process has it.
fn memory(root: &Path) -> Memory {
    Memory {
        key: key::load_from(&root.join("state")).unwrap().unwrap(),
        entries: Entries::new(&root.join("git")),
        known: OnceLock::new(),
        new: Vec::new(),
    }
}

/// Everything that a digest is about.
#[derive(Clone, Debug, PartialEq)]
struct Fact {
    fingerprint: usize,
    scope: Scope,
    place: [String; 3],
    ciphertext: Vec<u8>,
    plaintext: Vec<u8>,
}

impl Fact {
    fn ask<T>(&self, then: impl FnOnce(&Item<'_>, &str, &[u8]) -> T) -> T {
        let fingerprint = Fingerprint::parse(FINGERPRINTS[self.fingerprint]).unwrap();
        let [namespace, name, key] = &self.place;
        let item = Item { fingerprint: &fingerprint, scope: self.scope, namespace, name, key };
        then(&item, &go_base64::encode(&self.ciphertext), &self.plaintext)
    }

    fn is_known(&self, memory: &Memory) -> bool {
        self.ask(|item, ciphertext, plaintext| memory.knows(item, ciphertext, plaintext))
    }
}

fn fact() -> Fact {
    Fact {
        fingerprint: 0,
        scope: Scope::Strict,
        place: ["shop".into(), "db".into(), "password".into()],
        ciphertext: (0..=255).collect(),
        plaintext: b"correct horse".to_vec(),
    }
}

fn quiet() -> Console {
    Console::new(true)
}

#[test]
fn what_one_run_remembers_the_next_one_knows() {
    let root = tempfile::tempdir().unwrap();
    let fact = fact();
    let mut first = memory(root.path());
    assert!(!fact.is_known(&first));
    fact.ask(|item, ciphertext, plaintext| first.remember(item, ciphertext, plaintext));
    assert!(fact.is_known(&first), "at once");
    assert!(!fact.is_known(&memory(root.path())), "not before it is saved");
    first.save(quiet());
    assert!(fact.is_known(&memory(root.path())));
    let wrapped = fact.ask(|item, ciphertext, plaintext| {
        let wrapped = format!("{}\r\n{}", &ciphertext[..64], &ciphertext[64..]);
        memory(root.path()).knows(item, &wrapped, plaintext)
    });
    assert!(wrapped, "line breaks inside of base64 mean nothing");
}

#[test]
fn with_another_key_nothing_is_known() {
    let root = tempfile::tempdir().unwrap();
    let fact = fact();
    let mut first = memory(root.path());
    fact.ask(|item, ciphertext, plaintext| first.remember(item, ciphertext, plaintext));
    first.save(quiet());
    std::fs::remove_dir_all(root.path().join("state")).unwrap();
    assert!(!fact.is_known(&memory(root.path())));
}

#[test]
fn neither_file_holds_the_plaintext_or_names_anything() {
    let root = tempfile::tempdir().unwrap();
    let fact = fact();
    let mut memory = memory(root.path());
    fact.ask(|item, ciphertext, plaintext| memory.remember(item, ciphertext, plaintext));
    memory.save(quiet());
    let text = std::fs::read_to_string(root.path().join("git/sealed")).unwrap();
    assert_eq!(text.len(), 44, "one digest and nothing else: {text}");
}

#[test]
fn a_memory_that_cannot_be_written_is_no_error() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("git"), "a file where the folder should be").unwrap();
    let mut memory = memory(root.path());
    fact().ask(|item, ciphertext, plaintext| memory.remember(item, ciphertext, plaintext));
    memory.save(quiet());
}

#[test]
fn text_that_is_no_base64_is_not_known() {
    let root = tempfile::tempdir().unwrap();
    let mut memory = memory(root.path());
    fact().ask(|item, _, plaintext| {
        memory.remember(item, "not base64!", plaintext);
        assert!(!memory.knows(item, "not base64!", plaintext));
    });
    assert!(memory.new.is_empty());
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let scope = prop_oneof![Just(Scope::Strict), Just(Scope::NamespaceWide), Just(Scope::ClusterWide)];
    let bytes = || proptest::collection::vec(0u8..2, 0..3);
    (0usize..2, scope, ["[ab]{0,2}", "[ab]{0,2}", "[ab]{0,2}"], bytes(), bytes()).prop_map(
        |(fingerprint, scope, place, ciphertext, plaintext)| Fact { fingerprint, scope, place, ciphertext, plaintext },
    )
}

proptest! {
    #[test]
    fn only_the_very_same_fact_is_known(known in any_fact(), asked in any_fact()) {
        let mut memory = Memory {
            key: MacKey::new(&[3; 32]),
            entries: Entries::new(Path::new("/nowhere")),
            known: OnceLock::new(),
            new: Vec::new(),
        };
        known.ask(|item, ciphertext, plaintext| memory.remember(item, ciphertext, plaintext));
        prop_assert_eq!(asked.is_known(&memory), asked == known);
        prop_assert!(known.is_known(&memory));
    }

    #[test]
    fn a_flipped_bit_in_ciphertext_or_plaintext_is_not_known(bit in any::<prop::sample::Index>(), in_plaintext: bool) {
        let fact = fact();
        let mut memory = Memory {
            key: MacKey::new(&[3; 32]),
            entries: Entries::new(Path::new("/nowhere")),
            known: OnceLock::new(),
            new: Vec::new(),
        };
        fact.ask(|item, ciphertext, plaintext| memory.remember(item, ciphertext, plaintext));
        let mut flipped = fact;
        let bytes = if in_plaintext { &mut flipped.plaintext } else { &mut flipped.ciphertext };
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!flipped.is_known(&memory));
    }
}
