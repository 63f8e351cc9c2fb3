//! Templates that are made to hurt: each ends quickly with an error of the budget, on a small stack.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bulla_gotemplate::{Budget, Error, Errors, render};

fn run(template: &str, budget: &Budget) -> Result<usize, Errors> {
    let templates = BTreeMap::from([("t".to_owned(), Some(template.to_owned()))]);
    let items = BTreeMap::from([("a".to_owned(), b"value".as_slice())]);
    render(&templates, &items, budget).map(|rendered| rendered.outputs["t"].len())
}

/// The limit that stops the template.
fn limit(template: &str) -> &'static str {
    let started = Instant::now();
    let shown: String = template.chars().take(80).collect();
    // The clock must not be what stops it, however slow the machine is.
    let budget = Budget { time: Duration::from_secs(60), ..Budget::default() };
    let errors = run(template, &budget).expect_err(&shown);
    assert!(started.elapsed() < Duration::from_secs(50), "{shown} takes {:?}", started.elapsed());
    match &errors.0["t"] {
        Error::Budget { limit, .. } => limit,
        other => panic!("{shown}: {other}"),
    }
}

#[test]
fn loops_are_stopped_by_steps() {
    for template in [
        "{{ range 9000000000 }}{{ end }}",
        "{{ range until 3000 }}{{ range until 3000 }}{{ end }}{{ end }}",
        "{{ $x := 0 }}{{ range 10000000 }}{{ $x = add $x 1 }}{{ end }}",
        "{{ untilStep 0 9223372036854775807 1 }}",
        "{{ randAlphaNum 9000000 }}",
        "{{ $d := dict }}{{ range until 10000 }}{{ $d = dict \"a\" (list . ) \"b\" (omit $d \"a\") }}{{ range until 900 }}{{ end }}{{ end }}",
    ] {
        assert!(["steps", "memory"].contains(&limit(template)), "{template}: {}", limit(template));
    }
}

#[test]
fn memory_bombs_are_stopped_before_they_allocate() {
    for template in [
        "{{ repeat 9000000000 \"a\" }}",
        "{{ $s := \"a\" }}{{ range 60 }}{{ $s = print $s $s }}{{ end }}",
        "{{ $s := \"a\" }}{{ range 60 }}{{ $s = replace \"a\" \"aa\" $s }}{{ end }}",
        "{{ $s := repeat 100000 \"\\n\" }}{{ indent 100000 $s }}",
        "{{ $l := list 1 }}{{ range 60 }}{{ $l = concat $l $l }}{{ end }}",
        "{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l }}",
        "{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ $l }}",
        "{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ deepCopy $l }}",
        "{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ deepEqual $l (list $l) }}{{ uniq (list $l (deepCopy $l)) }}",
        "{{ range 100 }}{{ printf \"%1000000d\" 1 | len }}{{ end }}",
        "{{ randBytes 9000000000 }}",
        "{{ regexReplaceAll \"\" (repeat 10000 \"a\") (repeat 10000 \"b\") }}",
        "{{ wrapWith 1 (repeat 10000 \"b\") (repeat 10000 \"a\") }}",
        "{{ join (repeat 10000 \"b\") (until 10000) }}",
        "{{ toPrettyJson (untilStep 0 900000 1) }}",
    ] {
        assert!(["steps", "memory"].contains(&limit(template)), "{template}: {}", limit(template));
    }
}

#[test]
fn output_is_limited_for_all_templates_together() {
    assert_eq!(limit("{{ range 40 }}{{ repeat 30000 \"a\" }}{{ end }}"), "output");
    let half = Some("{{ repeat 600000 \"a\" }}".to_owned());
    let templates = BTreeMap::from([("a".to_owned(), half.clone()), ("b".to_owned(), half)]);
    assert!(render(&templates, &BTreeMap::new(), &Budget::default()).is_err());
}

#[test]
fn recursion_and_nesting_are_limited_on_a_small_stack() {
    let nested = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let deep = [
        "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}".to_owned(),
        "{{ define \"x\" }}{{ with . }}{{ range list 1 }}{{ if (print (print 1)) }}{{ template \"x\" . }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template \"x\" 1 }}".to_owned(),
        "{{ $l := list }}{{ range until 5000 }}{{ $l = list $l }}{{ end }}{{ $l }}".to_owned(),
        "{{ $l := list }}{{ range until 5000 }}{{ $l = list $l }}{{ end }}{{ toJson $l }}".to_owned(),
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ $d }}".to_owned(),
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ deepCopy $d }}".to_owned(),
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ $e := dict }}{{ $_ := set $e \"self\" $e }}{{ deepEqual $d $e }}".to_owned(),
        format!("{{{{ mustFromJson `{}` }}}}", nested("[", "]", 5000)),
    ];
    let parsed = [
        format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
        nested("{{ if true }}", "{{ end }}", 5000),
        format!("{{{{ if false }}}}{}{{{{ end }}}}", "{{ else if false }}".repeat(5000)),
    ];
    let run_all = move || {
        for template in &deep {
            assert_eq!(limit(template), "depth");
        }
        for template in &parsed {
            let errors = run(template, &Budget::default()).expect_err("too deep");
            assert!(matches!(errors.0["t"], Error::Parse { .. }));
        }
        // As deep as is allowed.
        let most = format!("{{{{ {}1{} }}}}", "(".repeat(95), ")".repeat(95));
        run(&most, &Budget { depth: 200, ..Budget::default() }).expect("fits");
        run(&nested("{{ with 1 }}", "{{ end }}", 98), &Budget { depth: 200, ..Budget::default() }).expect("fits");
    };
    // Half of what a thread of tokio's has.
    let small = std::thread::Builder::new().stack_size(1 << 20).spawn(run_all).expect("a thread");
    small.join().expect("no overflow");
}

#[test]
fn a_cycle_of_dictionaries_can_be_made_and_walked_by_hand() {
    let template = "{{ $d := dict \"v\" 1 }}{{ $_ := set $d \"self\" $d }}{{ $d.self.self.v }}";
    assert_eq!(run(template, &Budget::default()), Ok(1));
}

#[test]
fn regular_expressions_are_limited_in_size() {
    for template in [
        "{{ regexMatch \"((a{100}){100}){100}\" \"a\" }}",
        "{{ regexMatch \"(\\\\pL{50}){50}\" \"a\" }}",
        "{{ regexMatch (repeat 5000 \"a\") \"a\" }}",
    ] {
        assert_eq!(limit(template), "regular expression size");
    }
    // Quadratic over all matches: the clock stops it.
    let slow = "{{ regexFindAll \".*[^A-Z]|[A-Z]\" (repeat 900000 \"A\") -1 | len }}";
    let budget = Budget { time: Duration::from_millis(300), ..Budget::default() };
    let started = Instant::now();
    assert!(run(slow, &budget).is_err());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn long_templates_and_arguments_take_linear_time() {
    let started = Instant::now();
    let many = format!(
        "{}{}",
        (0..20_000).map(|n| format!("{{{{$v{n} := 1}}}}")).collect::<String>(),
        "{{$v0}}".repeat(20_000)
    );
    let long = "{{ $s := repeat 300000 `ab` }}{{ trimAll $s $s | len }}{{ contains (repeat 200000 `a`) (print (repeat 400000 `a`) `b`) }}";
    for template in [
        &many[..],
        long,
        "{{ semverCompare (repeat 100000 `1 - 2 `) `1` }}",
        "{{ abbrevboth -9223372036854775808 8 (repeat 20 `a`) }}",
        "{{ genCA `x` -3000000 }}",
        "{{ genCA `x` 30000000 }}",
        "{{ (toDate `2006` `9999`).AddDate 9223372036854775807 -9223372036854775808 1 }}",
    ] {
        let _ = run(template, &Budget::default());
    }
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
}

#[test]
fn password_hashes_and_keys_are_counted() {
    let few = Budget { password_hashes: 1, key_generation: 4, ..Budget::default() };
    for (template, expected) in [
        ("{{ bcrypt \"a\" }}{{ htpasswd \"u\" \"p\" }}", "password hashes"),
        ("{{ derivePassword 1 \"pin\" \"p\" \"u\" \"s\" }}{{ bcrypt \"a\" }}", "password hashes"),
        ("{{ genPrivateKey \"rsa\" }}", "key generation"),
        ("{{ genPrivateKey \"ecdsa\" }}{{ $_ := genCA \"c\" 1 }}", "key generation"),
    ] {
        match &run(template, &few).expect_err("over the budget").0["t"] {
            Error::Budget { limit, .. } => assert_eq!(*limit, expected, "{template}"),
            other => panic!("{template}: {other}"),
        }
    }
}
