//! bulla's own verbs on sops files: sealed where the plain file was, opened to the same bytes, changed one value at a time.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{BULLA, Bench, CANARY, Ran, assert_no_canary, run};

/// A throw-away identity and its recipient (tests/vectors/sops has its like).
const IDENTITY: &str = include_str!("../vectors/sops/keys/age-a.txt");

fn recipient() -> String {
    let line = IDENTITY.lines().find(|line| line.starts_with("# public key: ")).unwrap();
    line.trim_start_matches("# public key: ").to_owned()
}

/// A folder with `.sops.yaml` and the identity.
struct Shop {
    bench: Bench,
}

impl Shop {
    fn new() -> Self {
        let bench = Bench::new();
        bench.write("keys.txt", IDENTITY);
        let age = recipient();
        bench.write(
            ".sops.yaml",
            format!(
                "creation_rules:\n  - path_regex: k8s.*\\.yaml$\n    encrypted_regex: ^(data|stringData)$\n    age: {age}\n  \
                 - path_regex: idle\\.yaml$\n    encrypted_regex: ^nothing$\n    age: {age}\n  - age: {age}\n"
            ),
        );
        Self { bench }
    }

    fn bulla(&self, args: &[&str]) -> Ran {
        self.bulla_with(args, b"")
    }

    fn bulla_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(BULLA);
        command.args(args);
        run(command, input)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.bench.command(program);
        command.env("SOPS_AGE_KEY_FILE", self.bench.path("keys.txt"));
        command
    }

    /// Seals `text` in place.
    fn sealed(&self, name: &str, text: &str) -> String {
        self.bench.write(name, text);
        self.bulla(&["seal", name, "-w", name]).ok();
        self.bench.read(name)
    }

    /// The real sops, if it has been built.
    fn real_sops(&self, args: &[&str]) -> Option<Ran> {
        let mut command = self.command(&real_sops()?.display().to_string());
        command.args(args);
        Some(run(command, b""))
    }
}

fn real_sops() -> Option<PathBuf> {
    let root = PathBuf::from(std::env::var_os("XDG_CACHE_HOME").or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cache").into_os_string())
    })?);
    let entries = std::fs::read_dir(root.join("bulla/peers")).ok()?;
    let folders = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("sops-v3.13.3"));
    folders.map(|entry| entry.path().join("sops")).find(|path| path.is_file())
}

/// Lines of `new` that `old` does not have.
fn changed_lines(old: &str, new: &str) -> usize {
    let old: std::collections::HashSet<&str> = old.lines().collect();
    new.lines().filter(|line| !old.contains(line)).count()
}

fn yaml() -> String {
    format!(
        "# the shop\ndatabase:   # two spaces more\n  user: 'app'\n  password: {CANARY}\n  port: 5432\n\n  hosts: [a, \"b\"]\n\
         # end\npem: |\n  one\n  {CANARY}\n"
    )
}

#[test]
fn a_file_is_sealed_where_it_is_and_comes_back_as_it_was() {
    let shop = Shop::new();
    for (name, text) in [
        ("app.yaml", yaml()),
        ("app.json", format!("{{\n  \"a\": \"{CANARY}\",\n  \"n\": [1, true, null]\n}}\n")),
        ("app.env", format!("# c\nA={CANARY}\n\nB=2\n")),
        ("app.bin", format!("any {CANARY} bytes\n\n")),
    ] {
        let sealed = shop.sealed(name, &text);
        assert_no_canary(&sealed);
        assert_eq!(shop.bulla(&["unseal", name]).ok(), text, "{name}");
        if let Some(ran) = shop.real_sops(&["decrypt", name]) {
            let plain = ran.ok();
            assert!(plain.contains(CANARY), "{name}: {plain}");
        }
        let again = shop.bulla(&["seal", name, "-w", name]);
        again.fails(1, &["encrypted already", "E1007"]);
    }
}

#[test]
fn one_value_is_at_most_three_lines_and_nothing_is_no_line() {
    let shop = Shop::new();
    let sealed = shop.sealed("app.yaml", &yaml());
    shop.bulla_with(&["set", "app.yaml", "database.password", "--stdin"], b"new").ok();
    let changed = shop.bench.read("app.yaml");
    assert!((1..=3).contains(&changed_lines(&sealed, &changed)), "{sealed}\n{changed}");
    assert_eq!(shop.bulla(&["unseal", "app.yaml"]).ok(), yaml().replacen(CANARY, "new", 1));
    // The same value again: not a byte.
    let ran = shop.bulla_with(&["set", "app.yaml", "database.password", "--stdin"], b"new");
    assert!(ran.stderr.contains("nothing has changed"), "{}", ran.stderr);
    assert_eq!(shop.bench.read("app.yaml"), changed);
    let mut edit = shop.command(BULLA);
    edit.args(["edit", "app.yaml"]).env("EDITOR", "true");
    run(edit, b"").ok();
    assert_eq!(shop.bench.read("app.yaml"), changed);
    let mut edit = shop.command(BULLA);
    edit.args(["edit", "app.yaml"]).env("EDITOR", "sed -i s/5432/5433/");
    run(edit, b"").ok();
    let edited = shop.bench.read("app.yaml");
    assert!((1..=3).contains(&changed_lines(&changed, &edited)), "{changed}\n{edited}");
    assert!(shop.bulla(&["unseal", "app.yaml"]).ok().contains("  port: 5433\n"));
}

#[test]
fn integers_stay_integers_and_json_is_what_it_says() {
    let shop = Shop::new();
    shop.sealed("app.yaml", &yaml());
    shop.bulla(&["set", "app.yaml", "database.port=7", "--literal"]).ok();
    shop.bulla_with(&["set", "app.yaml", "new.list", "--json", "--stdin"], b"[1, \"two\", {\"k\": null}]").ok();
    shop.bulla(&["rename", "app.yaml", "database.user", "login"]).ok();
    shop.bulla(&["unset", "app.yaml", "pem"]).ok();
    let plain = shop.bulla(&["unseal", "app.yaml", "-o", "json"]).ok();
    let read: serde_json::Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(read["database"]["port"], 7);
    assert_eq!(read["new"]["list"], serde_json::json!([1, "two", {"k": null}]));
    assert_eq!(read["database"]["login"], "app");
    assert!(read.get("pem").is_none());
    if let Some(ran) = shop.real_sops(&["decrypt", "--output-type", "json", "app.yaml"]) {
        assert_eq!(serde_json::from_str::<serde_json::Value>(&ran.ok()).unwrap(), read);
    }
}

#[test]
fn a_file_of_the_real_sops_is_changed_like_one_of_ours() {
    let shop = Shop::new();
    shop.bench.write("app.yaml", yaml());
    let Some(ran) = shop.real_sops(&["encrypt", "-i", "app.yaml"]) else { return };
    ran.ok();
    let stock = shop.bench.read("app.yaml");
    shop.bulla(&["set", "app.yaml", "database.port=6", "--literal"]).ok();
    let changed = shop.bench.read("app.yaml");
    assert!((1..=3).contains(&changed_lines(&stock, &changed)), "{stock}\n{changed}");
    assert!(shop.real_sops(&["decrypt", "app.yaml"]).unwrap().ok().contains("port: 6\n"));
}

#[test]
fn view_needs_no_key_and_shows_no_value() {
    let shop = Shop::new();
    shop.sealed("k8s.yaml", &format!("kind: Secret\nstringData:\n  password: {CANARY}\n"));
    std::fs::remove_file(shop.bench.path("keys.txt")).unwrap();
    let shown = shop.bulla(&["view", "k8s.yaml"]).ok();
    for words in [
        "encrypted_regex ^(data|stringData)$",
        &recipient(),
        "stringData.password  str, 20 bytes",
        "kind",
        "not encrypted",
        "3.13.3",
    ] {
        assert!(shown.contains(words), "{words:?} is not in\n{shown}");
    }
    assert_no_canary(&shown);
    let json = shop.bulla(&["view", "--json", "k8s.yaml"]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["objects"][0]["values"][1]["path"], "stringData.password");
}

#[test]
fn a_tree_is_sealed_by_its_rules() {
    let shop = Shop::new();
    std::fs::create_dir(shop.bench.path("apps")).unwrap();
    for name in ["apps/a.yaml", "apps/b.env", "apps/k8s.yaml"] {
        let text = if name.ends_with("env") { format!("A={CANARY}\n") } else { format!("data:\n  a: {CANARY}\n") };
        shop.bench.write(name, text);
    }
    shop.bulla(&["seal", "-r", "apps", "--in-place"]).ok();
    for name in ["apps/a.yaml", "apps/b.env", "apps/k8s.yaml"] {
        assert_no_canary(&shop.bench.read(name));
        assert!(shop.bulla(&["unseal", name]).ok().contains(CANARY));
    }
    let before = shop.bench.read("apps/a.yaml");
    shop.bulla(&["seal", "-r", "apps", "--in-place"]).ok();
    assert_eq!(shop.bench.read("apps/a.yaml"), before, "what is sealed stays");
}

#[test]
fn sealing_onto_a_sealed_file_keeps_what_did_not_change() {
    let shop = Shop::new();
    shop.bench.write("plain.yaml", yaml());
    shop.bulla(&["seal", "plain.yaml", "-w", "sealed.yaml"]).ok();
    let first = shop.bench.read("sealed.yaml");
    shop.bulla(&["seal", "plain.yaml", "-w", "sealed.yaml"]).ok();
    assert_eq!(shop.bench.read("sealed.yaml"), first);
    shop.bench.write("plain.yaml", yaml().replace("5432", "1"));
    shop.bulla(&["seal", "plain.yaml", "-w", "sealed.yaml"]).ok();
    assert!((1..=3).contains(&changed_lines(&first, &shop.bench.read("sealed.yaml"))));
}

#[test]
fn bad_input_is_refused_and_nothing_is_written() {
    let shop = Shop::new();
    for (name, text, words) in [
        ("a.yaml", format!("a: {CANARY}\na: 2\n"), &["a.yaml", "E1010"][..]),
        ("b.json", format!("{{\"a\": \"{CANARY}\""), &["b.json", "E1010"]),
        ("c.json", format!("{{\"a\": \"{CANARY}\", \"a\": 1}}"), &["c.json"]),
        ("d.env", format!("A={CANARY}\n{CANARY}\n"), &["d.env", "E1010"]),
        ("idle.yaml", format!("a: {CANARY}\n"), &["selects nothing", "E1008"]),
        ("e.yaml", format!("a: &x {CANARY}\nb: *x\n"), &["line 1", "alias", "E1001"]),
        ("f.yaml", format!("sops: {CANARY}\n"), &["encrypted already", "E1007"]),
        ("g.yaml", "1: x\n".to_owned(), &["g.yaml"]),
        ("h.yaml", String::new(), &["h.yaml"]),
    ] {
        shop.bench.write(name, &text);
        shop.bulla(&["seal", name, "-w", name]).fails(1, words);
        assert_eq!(shop.bench.read(name), text);
    }
    shop.sealed("app.yaml", &yaml());
    let before = shop.bench.read("app.yaml");
    for (args, words) in [
        (&["unset", "app.yaml", "nowhere"][..], &["nowhere", "E1004"][..]),
        (&["rename", "app.yaml", "database.user", "port"], &["port", "E1005"]),
        (&["set", "app.yaml", "pem.x=1", "--literal"], &["E1006"]),
        (&["set", "app.yaml", "[x=1", "--literal"], &["E1006"]),
        (&["set", "app.yaml", "pem={", "--json", "--literal"], &["not JSON", "E1012"]),
    ] {
        shop.bulla(args).fails(1, words);
        assert_eq!(shop.bench.read("app.yaml"), before, "{args:?}");
    }
    std::fs::write(shop.bench.path("keys.txt"), "").unwrap();
    shop.bulla(&["set", "app.yaml", "pem=x", "--literal"]).fails(1, &["app.yaml", "E1036"]);
    assert_eq!(shop.bench.read("app.yaml"), before);
}
