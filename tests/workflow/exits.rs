//! The exit codes that the manual promises: 0 done, 1 failed, 2 needs attention, 3 usage. (130, interrupted, is tested with the
//! verbs that can be: `reseal`, `set`, `edit`.)

use crate::support::{Bench, secret, vectors};

#[test]
fn exit_codes_are_those_of_the_manual() {
    let bench = Bench::new();
    let key = |name: &str| vectors("sealed/keys").join(name).display().to_string();
    bench.write("plain.yaml", secret("db"));
    let sealed = bench.seal(&["-q"], &secret("db")).ok();
    bench.write("sealed.yaml", &sealed);
    bench.write("broken.yaml", sealed.replace("password: Ag", "password: \"!\" #"));
    std::fs::create_dir(bench.path("bad")).unwrap();
    bench.write("bad/.bulla.yaml", "nonsense: {}\n");
    let (old, new, key1, key2) = (key("key1.crt"), key("key2.crt"), key("key1.key"), key("key2.key"));
    for (words, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["seal", "--help"], 0),
        (&["seal", "-q", "--cert", &old, "plain.yaml"], 0),
        (&["doctor", "--offline"], 0),
        (&["reseal", "-q", "--check", "--key", &key1, "--cert", &old, "sealed.yaml"], 0),
        (&["seal", "--cert", &old, "none.yaml"], 1),
        (&["seal", "--cert", "none.pem", "plain.yaml"], 1),
        (&["unseal", "--key", &key2, "sealed.yaml"], 1),
        (&["man", "none"], 1),
        (&["doctor", "--offline", "bad"], 2),
        (&["reseal", "-q", "--check", "--key", &key1, "--key", &key2, "--cert", &new, "sealed.yaml"], 2),
        (&["verify", "broken.yaml"], 2),
        (&[], 3),
        (&["none"], 3),
        (&["seal", "--none"], 3),
        (&["seal", "--scope", "none"], 3),
        (&["man", "--write", "x", "seal"], 3),
    ] {
        let ran = bench.bulla(words);
        assert_eq!(ran.code, code, "bulla {}: {}{}", words.join(" "), ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}
