//! `set`, `unset`, `rename` and `view`: one change in one place, every other byte as it was.

use std::process::Stdio;
use std::time::Instant;

use super::support::{BULLA, Bench, CANARY, Ran, assert_no_canary, run, vectors};

const SEALED: &str = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: db\n  namespace: shop\n";

fn key_file(name: &str) -> String {
    vectors(&format!("sealed/keys/{name}")).display().to_string()
}

/// `bulla set … --cert key1.crt`
fn set(bench: &Bench, args: &[&str], input: &[u8]) -> Ran {
    let certificate = key_file("key1.crt");
    bench.bulla_with(&[&["set", "--cert", &certificate], args].concat(), input)
}

/// A sealed value for `shop/db`, strict, as it stands in files.
fn ciphertext(bench: &Bench, value: &str) -> String {
    bench.write("ciphertext.yaml", format!("{SEALED}spec:\n  encryptedData: {{}}\n"));
    set(bench, &["ciphertext.yaml", &format!("k={value}"), "--literal"], b"").ok();
    let text = bench.read("ciphertext.yaml");
    std::fs::remove_file(bench.path("ciphertext.yaml")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("    k: ")).unwrap().to_owned()
}

/// The items of the SealedSecret `name` in the file, opened, as text.
fn open(bench: &Bench, file: &str, name: &str) -> serde_json::Value {
    let text = bench.unseal(&["-o", "json", file], "").ok();
    let documents = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    let secret = documents.map(Result::unwrap).find(|secret| secret["metadata"]["name"] == name).unwrap();
    let data = secret["data"].as_object().into_iter().flatten();
    data.map(|(key, value)| (key.clone(), serde_json::Value::from(decode(value.as_str().unwrap())))).collect()
}

fn decode(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The lines of `new` that are not in `old` at their place, and the other way round.
fn changed<'a>(old: &'a str, new: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let (old, new): (Vec<_>, Vec<_>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let after = old[before..].iter().rev().zip(new[before..].iter().rev()).take_while(|(old, new)| old == new).count();
    (old[before..old.len() - after].to_vec(), new[before..new.len() - after].to_vec())
}

/// A file with something of everything around two values.
fn busy(a: &str, b: &str) -> String {
    format!(
        "# Größe zählt\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\n---\n# the database\n{SEALED}  annotations: {{note: 'a: b'}}\n\
         spec:\n  encryptedData:\n    user: {a} # who\n\n    # with care\n    password: \"{b}\"\n  template:\n    data:\n      \
         url: pg://{{{{ .user }}}}@db\n---\nkind: List\nitems: []\n"
    )
}

#[test]
fn a_new_value_changes_its_line_and_nothing_else() {
    let bench = Bench::new();
    let (a, b) = (ciphertext(&bench, "app"), ciphertext(&bench, "old"));
    let old = busy(&a, &b);
    bench.write("db.yaml", &old);
    let ran = set(&bench, &["db.yaml", "password", "--stdin"], CANARY.as_bytes());
    assert!(ran.stderr.contains("bulla: db.yaml: shop/db: password is set (strict)\n"), "{}", ran.stderr);
    assert_no_canary(&ran.stderr);
    assert_eq!(ran.ok(), "");
    let new = bench.read("db.yaml");
    let (gone, come) = changed(&old, &new);
    assert_eq!(gone, [format!("    password: \"{b}\"\n")]);
    assert!(come.len() == 1 && come[0].starts_with("    password: \"Ag") && come[0].ends_with("\"\n"), "{come:?}");
    let only = new.split("---\n").nth(2).unwrap().to_owned();
    bench.write("only.yaml", &only);
    assert_eq!(open(&bench, "only.yaml", "db")["password"], CANARY);
    assert_eq!(open(&bench, "only.yaml", "db")["url"], "pg://app@db");
}

#[test]
fn every_way_to_write_a_file_stays_as_it_is() {
    let bench = Bench::new();
    let old = ciphertext(&bench, "old");
    let metadata = "{\"name\":\"db\",\"namespace\":\"shop\"}";
    let yaml = |data: &str| format!("{SEALED}spec:\n  encryptedData:\n{data}");
    for (text, expected) in [
        (yaml(&format!("    a: {old}\n")), yaml("    a: NEW\n")),
        (yaml(&format!("    a: {old}")), yaml("    a: NEW")),
        (
            yaml(&format!("    a: >-\n      {old}\n    b: {old} # c\n")),
            yaml(&format!("    a: >-\n      NEW\n    b: {old} # c\n")),
        ),
        (yaml(&format!("    a: |\n      {old}\n")), yaml("    a: |-\n      NEW\n")),
        (yaml(&format!("    \"b\": {old}\n    'a': '{old}'\n")), yaml(&format!("    \"b\": {old}\n    'a': 'NEW'\n"))),
        (yaml("    a:\n"), yaml("    a: NEW\n")),
        (yaml(&format!("    b: {old} # b\n# end\n")), yaml(&format!("    b: {old} # b\n    a: NEW\n# end\n"))),
        (yaml(&format!("    b: {old}")), yaml(&format!("    b: {old}\n    a: NEW"))),
        (format!("{SEALED}spec:\n  encryptedData: {{}}\n"), yaml("    a: NEW\n")),
        (format!("{SEALED}spec:\n  encryptedData:\n"), yaml("    a: NEW\n")),
        (
            format!("{SEALED}spec:\n  template: {{}}\n"),
            format!("{SEALED}spec:\n  template: {{}}\n  encryptedData:\n    a: NEW\n"),
        ),
        (SEALED.to_owned(), yaml("    a: NEW\n")),
        (
            format!("{SEALED}spec: {{encryptedData: {{b: {old}}}}}\n"),
            format!("{SEALED}spec: {{encryptedData: {{b: {old}, a: NEW}}}}\n"),
        ),
        (
            format!(
                "{{\"kind\":\"SealedSecret\",\"metadata\":{metadata},\"spec\":{{\"encryptedData\":{{\"b\":\"{old}\"}}}}}}"
            ),
            format!(
                "{{\"kind\":\"SealedSecret\",\"metadata\":{metadata},\"spec\":{{\"encryptedData\":{{\"b\":\"{old}\",\"a\":\"NEW\"}}}}}}"
            ),
        ),
        (
            format!(
                "{{\n\t\"kind\": \"SealedSecret\",\n\t\"spec\": {{\n\t\t\"encryptedData\": {{}}\n\t}},\n\t\"metadata\": {metadata}\n}}\n"
            ),
            format!(
                "{{\n\t\"kind\": \"SealedSecret\",\n\t\"spec\": {{\n\t\t\"encryptedData\": {{\n\t\t\t\"a\": \"NEW\"\n\t\t}}\n\t}},\n\t\"metadata\": {metadata}\n}}\n"
            ),
        ),
        (
            format!("\u{feff}{}", yaml(&format!("    a: {old}\n")).replace('\n', "\r\n")),
            format!("\u{feff}{}", yaml("    a: NEW\n").replace('\n', "\r\n")),
        ),
        (
            format!(
                "kind: List\nitems:\n- kind: SealedSecret\n  metadata: {metadata}\n  spec:\n    encryptedData:\n      a: {old}\n"
            ),
            format!(
                "kind: List\nitems:\n- kind: SealedSecret\n  metadata: {metadata}\n  spec:\n    encryptedData:\n      a: NEW\n"
            ),
        ),
    ] {
        bench.write("f", &text);
        set(&bench, &["f", "a=new", "--literal"], b"").ok();
        let now = bench.read("f");
        let new = now
            .split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
            .find(|word| word.starts_with("Ag") && *word != old);
        assert_eq!(now.replace(new.expect("there is a new value"), "NEW"), expected, "from {text:?}");
        assert_eq!(open(&bench, "f", "db")["a"], "new", "{now}");
    }
}

#[test]
fn a_value_is_sealed_for_the_place_that_the_file_states() {
    let bench = Bench::new();
    let annotated = |scope: &str| format!("  annotations:\n    sealedsecrets.bitnami.com/{scope}: \"true\"\n");
    for (metadata, args, scope) in [
        ("  name: x\n  namespace: z\n".to_owned(), vec![], "strict"),
        (format!("  name: x\n  namespace: z\n{}", annotated("namespace-wide")), vec![], "namespace-wide"),
        (format!("  name: x\n{}", annotated("cluster-wide")), vec![], "cluster-wide"),
        ("  name: x\n".to_owned(), vec!["-n", "z"], "strict"),
        ("  name: x\n  namespace: z\n".to_owned(), vec!["--namespace", "z"], "strict"),
    ] {
        let text = format!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n{metadata}spec:\n  encryptedData:\n    k: AgA=\n"
        );
        bench.write("f.yaml", text);
        let ran = set(&bench, &[&["f.yaml", "k=v", "--literal"], &args[..]].concat(), b"");
        assert!(ran.stderr.contains(&format!("k is set ({scope})")), "{}", ran.stderr);
        ran.ok();
        let mut now = bench.read("f.yaml");
        if !now.contains("namespace: z") {
            now = now.replace("  name: x\n", "  name: x\n  namespace: z\n");
            bench.write("f.yaml", &now);
        }
        assert_eq!(open(&bench, "f.yaml", "x")["k"], "v");
        bench.write("f.yaml", now.replace("name: x", "name: other"));
        let moved = bench.unseal(&["f.yaml"], "");
        assert_eq!(moved.code == 0, scope != "strict", "{scope}: {}", moved.stderr);
    }
}

#[test]
fn values_are_taken_byte_for_byte() {
    let bench = Bench::new();
    let text = format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n");
    bench.write("binary", b"\0\xff\n\r\n");
    bench.write("empty", b"");
    for (args, input, expected, said) in [
        (&["k", "--stdin"][..], &b"a\n"[..], "a\n", "--trim-newline leaves it out"),
        (&["k", "--stdin"], b" a\r\nb", " a\r\nb", "k is set"),
        (&["k", "--stdin"], b"several\nlines\n", "several\nlines\n", "from "),
        (&["k", "--stdin", "--trim-newline"], b"a\n", "a", "k is set"),
        (&["k", "--stdin", "--trim-newline"], b"a\r\n\r\n", "a\r\n", "k is set"),
        (&["k", "--stdin"], b"", "", "warning: k: the value is empty"),
        (&["k", "--file", "binary"], b"", "\0\u{ff}\n\r\n", "k is set"),
        (&["k", "--file", "binary", "--trim-newline"], b"", "\0\u{ff}\n", "k is set"),
        (&["k", "--file", "-"], b"x", "x", "k is set"),
        (&["k=a=b ", "--literal"], b"", "a=b ", "k is set"),
        (&["k=", "--literal"], b"", "", "warning: k: the value is empty"),
    ] {
        bench.write("f.yaml", &text);
        let ran = set(&bench, &[&["f.yaml"], args].concat(), input);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
        let is_noted = ran.stderr.contains("--trim-newline");
        assert_eq!(is_noted, said.contains("--trim-newline"), "{args:?}: {}", ran.stderr);
        ran.ok();
        assert_eq!(open(&bench, "f.yaml", "db")["k"], expected, "{args:?}");
    }
    bench.write("f.yaml", &text);
    set(&bench, &["f.yaml", "b=2", "k=1", "a=3", "--literal", "-q"], b"").ok();
    assert_eq!(open(&bench, "f.yaml", "db"), serde_json::json!({"k": "1", "b": "2", "a": "3"}));
    let order: Vec<String> = bench.read("f.yaml").lines().skip(7).map(|line| line[4..5].to_owned()).collect();
    assert_eq!(order, ["k", "b", "a"]);
}

/// Three SealedSecrets, two of one name; `data` is what stands behind `encryptedData:` in each.
fn several_with(data: [&str; 3]) -> String {
    let names = [("a", "x"), ("b", "x"), ("b", "z")];
    let one = |((namespace, name), data): ((&str, &str), &str)| {
        format!(
            "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n\
             metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  encryptedData:{data}\n"
        )
    };
    names.into_iter().zip(data).map(one).collect()
}

const ONE: &str = "\n    k: AgA=";

fn several() -> String {
    several_with([ONE; 3])
}

#[test]
fn one_of_several_is_picked_by_its_name() {
    let bench = Bench::new();
    for (name, index) in [("a/x", 0), ("b/x", 1), ("z", 2), ("b/z", 2)] {
        let expected = |data: &str| {
            let mut all = [ONE; 3];
            all[index] = data;
            several_with(all)
        };
        bench.write("f.yaml", several());
        set(&bench, &["f.yaml", "--document", name, "k=v", "--literal"], b"").ok();
        let new = bench.read("f.yaml");
        let value = new.lines().find_map(|line| line.strip_prefix("    k: ").filter(|value| *value != "AgA=")).unwrap();
        let line = format!("\n    k: {value}");
        assert_eq!(new, expected(&line), "{name}");
        bench.write("f.yaml", several());
        bench.bulla(&["rename", "f.yaml", "-d", name, "k", "l"]).ok();
        assert_eq!(bench.read("f.yaml"), expected("\n    l: AgA="), "{name}");
        bench.bulla(&["unset", "f.yaml", "-d", name, "l"]).ok();
        assert_eq!(bench.read("f.yaml"), expected(" {}"), "{name}");
    }
}

#[test]
fn what_cannot_be_changed_is_refused_and_left_as_it_is() {
    let bench = Bench::new();
    let good = format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n    user: AgB=\n");
    let certificate = key_file("key1.crt");
    bench.write("large", vec![b'x'; (1 << 20) + 1]);
    let plain = format!("kind: Secret\napiVersion: v1\nmetadata: {{name: a}}\nstringData: {{k: {CANARY}}}\n");
    let rows: &[(&str, &str, &[&str])] = &[
        // (file, the rest of the command line; % stands for the certificate, words)
        (&good, "set f.yaml k=canary-Hunter2-tweet --cert %", &["(E0220)", "where others can see it", "--literal"]),
        (&good, "set f.yaml k --cert %", &["(E0221)", "no value is given for k", "--stdin"]),
        (&good, "set f.yaml k --cert none.crt", &["(E0221)"]),
        (&good, "set f.yaml a/b=v --literal --cert %", &["(E0222)", "\"a/b\" cannot be a key"]),
        (&good, "rename f.yaml k ..x", &["(E0222)", "it begins with `..`"]),
        (&good, "set f.yaml k --file large --cert %", &["(E0223)", "the value of k has 1048577 bytes"]),
        (&good, "unset f.yaml k K", &["(E0225)", "shop/db: there is no key \"K\"", "did you mean k?"]),
        (&good, "unset f.yaml password", &["(E0225)", "its keys: k, user"]),
        (&good, "rename f.yaml pass word", &["(E0225)", "there is no key \"pass\""]),
        (&good, "rename f.yaml k user", &["(E0226)", "the key \"user\" is there already", "bulla unset f.yaml user"]),
        (&several(), "set f.yaml k=v --literal --cert %", &["(E0227)", "3 SealedSecrets: a/x, b/x, b/z", "--document"]),
        (
            &several(),
            "unset f.yaml k -d x",
            &["(E0228)", "more than one SealedSecret is called \"x\"", "a/x, b/x, b/z"],
        ),
        (&several(), "unset f.yaml k -d c/x", &["(E0228)", "no SealedSecret is called \"c/x\""]),
        (
            &plain,
            "set f.yaml k=v --literal --cert %",
            &["(E0229)", "the Secret in it is not sealed", "bulla seal f.yaml -w f.yaml"],
        ),
        (&plain, "unset f.yaml k", &["(E0229)"]),
        (&(several() + "---\n" + &plain), "unset f.yaml k -d a", &["(E0229)", "the Secret in it is not sealed"]),
        ("kind: ConfigMap\n", "set f.yaml k=v --literal --cert %", &["(E0202)", "there is no SealedSecret in it"]),
        ("", "unset f.yaml k", &["(E0202)"]),
        ("a: [\n", "unset f.yaml k", &["(E0201)", "f.yaml: line 1"]),
        (
            "kind: [SealedSecret\n<<<<<<< HEAD\n",
            "set f.yaml k=v --literal --cert %",
            &["(E0411)", "line 2", "conflict"],
        ),
        (
            &good,
            "set none.yaml k=v --literal --cert %",
            &["(E0101)", "none.yaml: no such file", "bulla seal -w none.yaml"],
        ),
        (&good, "set - k=v --literal --cert %", &["(E0001)", "changed in place"]),
        (&good, "set . k=v --literal --cert %", &["(E0101)", "is a directory"]),
        (&good, "set f.yaml k --file none --cert %", &["(E0101)", "none: no such file"]),
        (&good, "set f.yaml k=v --literal --cert f.yaml", &["(E0302)"]),
        (&good, "set f.yaml k=v --literal --cert none.crt", &["(E0101)", "none.crt"]),
        (&good, "set f.yaml k --stdin --cert -", &["(E0105)"]),
        (&good, "set f.yaml k=v --literal -n other --cert %", &["(E0207)", "another namespace than \"other\""]),
        (&good.replace("  namespace: shop\n", ""), "set f.yaml k=v --literal --cert %", &["(E0206)", "--namespace"]),
        (&good.replace("  name: db\n", ""), "set f.yaml k=v --literal --cert %", &["(E0205)", "strict scope needs"]),
        (
            &good.replace("encryptedData:", "data: AgA=\n  other:"),
            "set f.yaml k=v --literal --cert %",
            &["(E0406)", "deprecated spec.data"],
        ),
        (&good.replace("encryptedData:", "data: AgA=\n  other:"), "unset f.yaml k", &["(E0406)"]),
        (
            &good.replace("k: AgA=", "k: &x AgA=\n    l: *x"),
            "set f.yaml k=v --literal --cert %",
            &["(E0224)", "f.yaml: line 8", "an anchor that aliases share"],
        ),
        (&good.replace("k: AgA=", "k: AgA=\n    k: AgC="), "unset f.yaml k", &["(E0224)", "line 9", "there twice"]),
        (
            &good.replace("k: AgA=", "k: [AgA=]"),
            "set f.yaml k=v --literal --cert %",
            &["(E0224)", "line 8: a list cannot become text"],
        ),
        (
            &good.replace("encryptedData:", "encryptedData: x\n  other:"),
            "set f.yaml k=v --literal --cert %",
            &["(E0224)", "text has no keys"],
        ),
        (&good, "set f.yaml k user --stdin --cert %", &["(E0001)", "several keys", "--literal"]),
        (&good, "set f.yaml k=1 k=2 --literal --cert %", &["(E0001)", "\"k\" is given twice"]),
        (
            &good,
            "set f.yaml k=1 canary-Hunter2-tweet --literal --cert %",
            &["(E0001)", "--literal needs a value for each key"],
        ),
        (&good, "set f.yaml k --stdin --file large --cert %", &["(E0001)", "cannot be used with"]),
        (&good, "set f.yaml k=1 --literal --trim-newline --cert %", &["(E0001)", "cannot be used with"]),
        (&good, "set f.yaml --cert %", &["(E0001)", "KEY[=VALUE]"]),
    ];
    for (text, line, words) in rows {
        bench.write("f.yaml", text);
        let words_of = line.replace('%', &certificate);
        let args: Vec<&str> = words_of.split(' ').collect();
        let code = if words[0] == "(E0001)" { 3 } else { 1 };
        let ran = bench.bulla_with(&args, if line.contains("--stdin") { CANARY.as_bytes() } else { b"" });
        ran.fails(code, words);
        assert_eq!(bench.read("f.yaml"), **text, "{line}");
    }
    let mut names: Vec<_> =
        std::fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["f.yaml", "large"]);
}

#[test]
fn unset_takes_lines_out_and_rename_moves_the_ciphertext() {
    let bench = Bench::new();
    let (a, b) = (ciphertext(&bench, "app"), ciphertext(&bench, CANARY));
    let old = busy(&a, &b).replace(".user", ".name");
    bench.write("f.yaml", old.replace(".name", ".user"));
    let ran = bench.bulla(&["rename", "f.yaml", "user", "name"]);
    assert!(ran.stderr.contains("f.yaml: shop/db: user is called name; its ciphertext is the same"), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: f.yaml: shop/db: spec.template.data.url speaks of user"), "{}", ran.stderr);
    ran.ok();
    assert_eq!(bench.read("f.yaml"), old.replace(".name", ".user").replacen("    user: ", "    name: ", 1));

    bench.write("f.yaml", old.replacen("    user: ", "    name: ", 1));
    let quiet = bench.bulla(&["unset", "-q", "f.yaml", "password"]);
    assert_eq!(quiet.stderr, "");
    quiet.ok();
    let now = bench.read("f.yaml");
    assert_eq!(now, old.replacen("    user: ", "    name: ", 1).replace(&format!("    password: \"{b}\"\n"), ""));
    bench.write("only.yaml", now.split("---\n").nth(2).unwrap());
    assert_eq!(open(&bench, "only.yaml", "db"), serde_json::json!({"name": "app", "url": "pg://app@db"}));
    let last = bench.bulla(&["unset", "f.yaml", "name"]);
    assert!(last.stderr.contains("warning: f.yaml: shop/db: there are no values left"), "{}", last.stderr);
    assert!(last.stderr.contains("spec.template.data.url speaks of name, which is gone"), "{}", last.stderr);
    last.ok();
    assert!(
        bench.read("f.yaml").contains("  encryptedData: {}\n\n    # with care\n  template:"),
        "{}",
        bench.read("f.yaml")
    );
}

#[test]
fn of_a_key_that_is_there_twice_the_one_that_counts_is_set() {
    let bench = Bench::new();
    bench.write("f.yaml", format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n    k: AgB=\n"));
    let ran = set(&bench, &["f.yaml", "k=new", "--literal"], b"");
    assert!(ran.stderr.contains("warning: f.yaml: line 9, column 5: the key `k` is defined twice"), "{}", ran.stderr);
    ran.ok();
    assert_eq!(bench.read("f.yaml").lines().nth(7), Some("    k: AgA="));
    assert_eq!(open(&bench, "f.yaml", "db")["k"], "new");
}

/// `seal --update` keeps the bytes of a value that `set` has sealed, if it is the same value.
#[test]
fn what_is_set_is_remembered() {
    let bench = Bench::new();
    let mut command = bench.command("git");
    command.args(["init", "-q"]);
    assert_eq!(run(command, b"").code, 0);
    bench.write("db.yaml", format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n  template:\n    metadata:\n      name: db\n      namespace: shop\n"));
    set(&bench, &["db.yaml", "k", "--stdin"], CANARY.as_bytes()).ok();
    let (before, other) = (bench.read("db.yaml"), format!("{CANARY}x"));
    for (value, same) in [(CANARY, true), (other.as_str(), false)] {
        let plain = format!(
            "kind: Secret\napiVersion: v1\nmetadata: {{name: db, namespace: shop}}\nstringData: {{k: {value}}}\n"
        );
        bench.seal(&["--update", "db.yaml"], &plain).ok();
        assert_eq!(bench.read("db.yaml") == before, same, "{}", bench.read("db.yaml"));
    }
}

#[test]
fn templates_that_hide_a_key_are_told_of() {
    let bench = Bench::new();
    let text =
        format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n  template:\n    data: {{gone: null, made: x}}\n");
    bench.write("f.yaml", text);
    let ran = set(&bench, &["f.yaml", "gone=1", "made=2", "--literal"], b"");
    assert!(
        ran.stderr.contains("spec.template.data.gone is null, which takes the key out of the Secret"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("spec.template.data.made is there, too; the sealed value wins"), "{}", ran.stderr);
    ran.ok();
}

#[test]
fn view_tells_names_and_sizes_and_no_value() {
    let bench = Bench::new();
    let value = ciphertext(&bench, CANARY);
    let text = format!(
        "{SEALED}  labels: {{app: shop}}\nspec:\n  encryptedData:\n    password: {value}\n    cut: AgA=\n    odd: 5\n    none: {}\n  template:\n    \
         type: kubernetes.io/basic-auth\n    immutable: true\n    metadata: {{labels: {{tier: x, app: y}}, annotations: {{a/b: c}}}}\n    data: {{url: '{{{{ .password }}}}'}}\n",
        ciphertext(&bench, ""),
    );
    bench.write("f.yaml", &text);
    let plain = "---\nkind: Secret\napiVersion: v1\nmetadata: {name: p}\nstringData: {k: canary-Hunter2-tweet}\n";
    bench.write("two.yaml", format!("{SEALED}{plain}"));
    let ran = bench.bulla(&["view", "f.yaml", "two.yaml", "--cert", &key_file("rsa2048.crt")]);
    assert_no_canary(&ran.stderr);
    assert!(
        ran.stderr.contains("two.yaml: document 2: a plain Secret, not sealed; bulla seal two.yaml seals it"),
        "{}",
        ran.stderr
    );
    let shown = ran.ok();
    assert_no_canary(&shown);
    let expected = "f.yaml: shop/db\n  scope        strict\n  type         kubernetes.io/basic-auth\n  immutable    yes\n  labels       app, tier\n  \
                    annotations  a/b\n  templates    url\n  values       password  20 bytes, RSA-4096, not the certificate's size\n               \
                    cut       damaged: cut, or not a sealed value\n               odd       damaged: not text\n               \
                    none      0 bytes, RSA-4096, not the certificate's size\n\ntwo.yaml: shop/db\n  scope        strict\n  type         Opaque\n  values       none\n\n\
                    certificate SHA256:";
    assert!(shown.starts_with(expected), "{shown}");
    assert!(shown.contains(", RSA-2048, "), "{shown}");

    let json: serde_json::Value =
        serde_json::from_str(&bench.bulla_with(&["view", "--json", "-"], text.as_bytes()).ok()).unwrap();
    let object = &json["objects"][0];
    assert_eq!(object["items"][0], serde_json::json!({"key": "password", "bytes": 20, "rsaBits": 4096}));
    assert_eq!(object["items"][2], serde_json::json!({"key": "odd", "problem": "not text"}));
    assert_eq!(object["scope"], "strict");
    assert_eq!((&json["certificate"], &object["lastCommit"]), (&serde_json::Value::Null, &serde_json::Value::Null));

    bench.write("other.yaml", "kind: ConfigMap\n");
    let ran = bench.bulla(&["view", "f.yaml", "other.yaml"]);
    assert!(ran.stderr.contains("bulla: other.yaml: there is no SealedSecret in it"), "{}", ran.stderr);
    assert!(ran.ok().starts_with("f.yaml: shop/db\n"));
    let ran = bench.bulla(&["view", "-r"]);
    assert!(!ran.stderr.contains("other.yaml"), "{}", ran.stderr);
    let shown = ran.ok();
    assert!(shown.starts_with("f.yaml: shop/db\n") && shown.contains("\ntwo.yaml: shop/db\n"), "{shown}");

    bench.write("f.yaml", plain);
    bench.bulla(&["view", "f.yaml", "other.yaml"]).fails(1, &["(E0202)", "in any of 2 files"]);
    bench.bulla(&["view", "f.yaml"]).fails(1, &["(E0202)", "a plain Secret"]);
    bench.bulla(&["view", "none.yaml"]).fails(1, &["(E0101)", "none.yaml"]);
    bench.bulla_with(&["view"], b"a: [").fails(1, &["(E0201)"]);
}

#[test]
fn view_tells_when_the_file_was_committed() {
    let bench = Bench::new();
    bench.write("f.yaml", format!("{SEALED}spec:\n  encryptedData: {{}}\n"));
    let git = |args: &[&str]| {
        let mut command = bench.command("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args);
        command.env("GIT_COMMITTER_DATE", "2020-05-01T12:00:00Z").env("GIT_AUTHOR_DATE", "2020-05-01T12:00:00Z");
        assert_eq!(run(command, b"").code, 0, "git {args:?}");
    };
    git(&["init", "-q"]);
    assert!(!bench.bulla(&["view", "f.yaml"]).ok().contains("last commit"));
    git(&["add", "f.yaml"]);
    git(&["commit", "-q", "-m", "x"]);
    let shown = bench.bulla(&["view", "f.yaml"]).ok();
    assert!(shown.contains("\n  last commit  2020-05-01 ("), "{shown}");
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_and_in_a_locked_folder_the_file_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let text = format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n{}", "# more\n".repeat(400));
    bench.write("f.yaml", &text);
    for change in ["set f.yaml k=canary-Hunter2-tweet --literal --cert", "unset f.yaml k #", "rename f.yaml k l #"] {
        let mut command = bench.command("sh");
        let script = format!("trap '' XFSZ; ulimit -f 1; exec {BULLA} -q {change} {}", key_file("key1.crt"));
        command.args(["-c", &script]);
        run(command, b"").fails(1, &["(E0103)", "f.yaml: file too large"]);
        assert_eq!(bench.read("f.yaml"), text);
    }
    assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 1, "nothing is left behind");

    std::fs::create_dir(bench.path("locked")).unwrap();
    bench.write("locked/f.yaml", &text);
    std::fs::set_permissions(bench.path("locked"), std::fs::Permissions::from_mode(0o500)).unwrap();
    let ran = bench.bulla(&["-q", "unset", "locked/f.yaml", "k"]);
    std::fs::set_permissions(bench.path("locked"), std::fs::Permissions::from_mode(0o700)).unwrap();
    // Root may write everywhere.
    if ran.code != 0 {
        ran.fails(1, &["(E0103)", "permission denied"]);
        assert_eq!(bench.read("locked/f.yaml"), text);
    }
}

#[cfg(unix)]
#[test]
fn mode_and_symlink_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let real = bench.write("real.yaml", format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n"));
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.yaml", bench.path("link.yaml")).unwrap();
    bench.bulla(&["rename", "link.yaml", "k", "l"]).ok();
    assert!(bench.path("link.yaml").is_symlink());
    assert!(bench.read("real.yaml").contains("    l: AgA=\n"));
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

/// The value is waited for after the file has been read: what is saved in between is not lost.
#[test]
fn what_somebody_else_saves_meanwhile_is_not_written_over() {
    use std::io::{Read as _, Write as _};
    let bench = Bench::new();
    bench.write("f.yaml", format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n"));
    let mut command = bench.command(BULLA);
    command.args(["set", "f.yaml", "k", "--stdin", "--cert", &key_file("key1.crt")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"\n") {
        let mut byte = [0];
        stderr.read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
    assert!(String::from_utf8_lossy(&said).contains("sealing with"), "the file is read before the certificate");
    bench.write("f.yaml", "saved meanwhile");
    child.stdin.take().unwrap().write_all(CANARY.as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("(E0230)") && rest.contains("run the command again"), "{rest}");
    assert_no_canary(&rest);
    assert_eq!(bench.read("f.yaml"), "saved meanwhile");
}

/// What `script` shows until `words` are on the screen.
fn wait_for(screen: &mut impl std::io::Read, words: &str) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&seen).contains(words) {
        assert_ne!(screen.read(&mut byte).unwrap(), 0, "{}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// Waits until the terminal named in `tty` no longer shows what is typed; the prompt comes a moment earlier.
fn wait_for_no_echo(bench: &Bench) {
    let started = Instant::now();
    loop {
        let mut command = bench.command("stty");
        command.args(["-F", bench.read("tty").trim(), "-a"]);
        if run(command, b"").stdout.contains(" -echo ") {
            return;
        }
        assert!(started.elapsed().as_secs() < 30, "the terminal still shows what is typed");
    }
}

/// With a terminal, by way of util-linux's `script`.
#[cfg(target_os = "linux")]
#[test]
fn at_a_terminal_the_value_is_asked_for_twice_and_not_shown() {
    use std::io::{Read as _, Write as _};
    let bench = Bench::new();
    let text = format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n");
    let (right, wrong) = (format!("{CANARY}\n"), format!("{CANARY}x\n"));
    for (first, second, code, said) in [
        (right.as_str(), Some(right.as_str()), 0, "k is set"),
        (&right, Some(&wrong), 1, "(E0231)"),
        ("\u{3}", None, 130, ""),
    ] {
        bench.write("f.yaml", &text);
        let line = format!("tty > tty; exec {BULLA} set f.yaml k --cert {}", key_file("key1.crt"));
        let mut command = bench.command("script");
        command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut seen = wait_for(&mut screen, "value of k (one line, not shown): ");
        wait_for_no_echo(&bench);
        keyboard.write_all(first.as_bytes()).unwrap();
        if let Some(second) = second {
            seen += &wait_for(&mut screen, "again: ");
            wait_for_no_echo(&bench);
            keyboard.write_all(second.as_bytes()).unwrap();
        }
        screen.read_to_string(&mut seen).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{seen}");
        assert!(seen.contains(said), "{seen}");
        assert_no_canary(&seen);
        if code == 0 {
            assert_eq!(open(&bench, "f.yaml", "db")["k"], CANARY);
        } else {
            assert_eq!(bench.read("f.yaml"), text);
        }
    }
}

/// Killed at many moments, the file is always the old one or a whole new one.
#[test]
fn after_a_kill_the_file_is_the_old_one_or_the_new_one() {
    let bench = Bench::new();
    let padding = "# a comment that makes the file longer\n".repeat(20_000);
    let old = format!("{SEALED}spec:\n  encryptedData:\n    k: AgA=\n{padding}");
    let command = || {
        let mut command = bench.command(BULLA);
        command.args(["set", "-q", "f.yaml", &format!("k={CANARY}"), "--literal", "--cert", &key_file("key1.crt")]);
        command
    };
    bench.write("f.yaml", &old);
    let started = Instant::now();
    assert_eq!(run(command(), b"").code, 0);
    let full = started.elapsed();
    let (mut killed, mut done) = (0, 0);
    // Later and later, until some runs come to their end before they are killed.
    let mut step = 0;
    while done < 3 {
        bench.write("f.yaml", &old);
        let mut child = command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Not a wait for a condition: the moment of the kill is what is varied.
        std::thread::sleep(full.mul_f64(f64::from(step) / 20.0));
        let _ = child.kill();
        if child.wait().unwrap().success() {
            done += 1;
        } else {
            killed += 1;
        }
        let now = bench.read("f.yaml");
        let new = now.starts_with(SEALED) && now.ends_with(&padding) && now.len() > old.len() + 600;
        assert!(now == old || new, "after a kill at step {step} the file has {} bytes", now.len());
        for entry in std::fs::read_dir(bench.folder.path()).unwrap() {
            assert_no_canary(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
        }
        step += 1;
    }
    assert!(killed > 0, "no run was killed ({done} done)");
}
