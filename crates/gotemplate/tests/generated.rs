//! What is random, tells the time or makes keys: tested by its shape.

use std::collections::BTreeMap;

use bulla_gotemplate::{Budget, Rendered, render};
use regex::Regex;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

fn run(template: &str) -> String {
    let mut rendered = render_one(template);
    String::from_utf8(rendered.outputs.remove("t").expect("an output").to_vec()).expect("UTF-8")
}

fn render_one(template: &str) -> Rendered {
    let templates = BTreeMap::from([("t".to_owned(), Some(template.to_owned()))]);
    let budget = Budget { time: std::time::Duration::from_secs(120), ..Budget::default() };
    render(&templates, &BTreeMap::new(), &budget).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn random_strings_have_their_length_and_alphabet_and_differ() {
    for (template, shape) in [
        ("{{ randAlphaNum 40 }}", "^[0-9A-Za-z]{40}$"),
        ("{{ randAlpha 40 }}", "^[A-Za-z]{40}$"),
        ("{{ randNumeric 40 }}", "^[0-9]{40}$"),
        ("{{ randAscii 40 }}", "^[ -~]{40}$"),
        ("{{ randBytes 30 }}", "^[0-9A-Za-z+/]{40}$"),
        ("{{ uuidv4 }}", "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
        ("{{ encryptAES `k` `text` }}", "^[0-9A-Za-z+/]{43}=$"),
        ("{{ now.Format `2006-01-02T15:04:05.000000000Z07:00` }}", r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"),
        ("{{ now }}", r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC$"),
        ("{{ bcrypt `p` }}", r"^\$2a\$10\$[./0-9A-Za-z]{53}$"),
        ("{{ htpasswd `u` `p` }}", r"^u:\$2a\$10\$[./0-9A-Za-z]{53}$"),
    ] {
        let (first, second) = (run(template), run(template));
        assert!(Regex::new(shape).expect("a shape").is_match(&first), "{template}: {first}");
        assert_ne!(first, second, "{template}");
    }
    let number: i64 = run("{{ randInt 5 10 }}").parse().expect("a number");
    assert!((5..10).contains(&number));
    let mut letters: Vec<char> = run("{{ shuffle `abcdefgh` }}").chars().collect();
    letters.sort_unstable();
    assert_eq!(letters.iter().collect::<String>(), "abcdefgh");
}

/// Who keeps what was rendered once must know what would come out otherwise.
#[test]
fn what_is_random_tells_the_time_or_makes_a_key_is_said_to_vary() {
    for varying in [
        "{{ randAlphaNum 1 }}",
        "{{ randAlpha 1 }}",
        "{{ randNumeric 1 }}",
        "{{ randAscii 1 }}",
        "{{ randBytes 1 }}",
        "{{ randInt 0 2 }}",
        "{{ shuffle `ab` }}",
        "{{ uuidv4 }}",
        "{{ encryptAES `k` `text` }}",
        "{{ bcrypt `p` }}",
        "{{ htpasswd `u` `p` }}",
        "{{ now }}",
        "{{ ago 0 }}",
        "{{ date `2006` `no date` }}",
        "{{ htmlDate `no date` }}",
        "{{ htmlDateInZone `no date` `UTC` }}",
        "{{ dateInZone `2006` `no date` `UTC` }}",
        "{{ date_in_zone `2006` `no date` `UTC` }}",
        "{{ durationRound (toDate `2006` `2020`) }}",
        "{{ genPrivateKey `ecdsa` }}",
        "{{ genPrivateKey `ed25519` }}",
        "{{ $key := genPrivateKey `ed25519` }}{{ (genCAWithKey `ca` 1 $key).Cert }}",
    ] {
        assert!(render_one(varying).varying.contains("t"), "{varying}");
    }
    for steady in [
        "{{ upper `a` }}",
        "{{ derivePassword 1 `long` `p` `u` `s` }}",
        "{{ bcrypt (repeat 73 `p`) }}",
        "{{ encryptAES `k` `` }}",
        "{{ date `2006` 0 }}",
        "{{ htmlDate (toDate `2006` `2020`) }}",
        "{{ durationRound `2h` }}",
        "{{ genPrivateKey `no kind` }}",
        "{{ keys (dict `b` 1 `a` 2) }}",
    ] {
        assert!(render_one(steady).varying.is_empty(), "{steady}");
    }
}

#[test]
fn a_password_hash_verifies() {
    assert!(bcrypt::verify("secret", &run("{{ bcrypt `secret` }}")).expect("a hash"));
}

#[test]
fn private_keys_are_in_gos_pem_forms() {
    for (kind, label) in [("rsa", "RSA PRIVATE KEY"), ("ecdsa", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY")] {
        let pem = run(&format!("{{{{ genPrivateKey `{kind}` }}}}"));
        assert!(pem.starts_with(&format!("-----BEGIN {label}-----\n")), "{pem}");
        assert!(pem.ends_with(&format!("-----END {label}-----\n")), "{pem}");
        // Each can be read again by the functions that take keys.
        run(&format!("{{{{ (genCAWithKey `ca` 1 (genPrivateKey `{kind}`)).Cert }}}}"));
    }
}

#[test]
fn certificates_have_names_usages_and_an_issuer_that_verifies() {
    let both = run(
        "{{ $ca := genCA `the-ca` 365 }}{{ $c := genSignedCert `leaf` (list `10.0.0.1` `::1`) (list `a.example` `*.b.example`) 30 $ca }}{{ $ca.Cert }}{{ $c.Cert }}",
    );
    let ders: Vec<_> = CertificateDer::pem_slice_iter(both.as_bytes()).collect::<Result<_, _>>().expect("PEM");
    let (_, ca) = x509_parser::parse_x509_certificate(&ders[0]).expect("a certificate");
    let (_, leaf) = x509_parser::parse_x509_certificate(&ders[1]).expect("a certificate");
    assert_eq!(ca.subject().to_string(), "CN=the-ca");
    assert!(ca.is_ca() && !leaf.is_ca());
    assert_eq!(leaf.issuer(), ca.subject());
    assert_eq!(leaf.subject().to_string(), "CN=leaf");
    let names = format!("{:?}", leaf.subject_alternative_name().expect("one").expect("names").value.general_names);
    assert!(names.contains("a.example") && names.contains("*.b.example"), "{names}");
    let usage = leaf.key_usage().expect("one").expect("usages").value;
    assert!(usage.digital_signature() && usage.key_encipherment() && !usage.key_cert_sign());
    let extended = leaf.extended_key_usage().expect("one").expect("usages").value;
    assert!(extended.server_auth && extended.client_auth);
    let days = (leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp()) / 86_400;
    assert_eq!(days, 30);
}

#[test]
fn a_self_signed_certificate_and_its_key_belong_together() {
    let text = run(
        "{{ $c := genSelfSignedCert `me` nil nil 10 }}{{ (buildCustomCert ($c.Cert | b64enc) ($c.Key | b64enc)).Cert }}",
    );
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n"));
}

#[test]
fn certificates_are_made_for_keys_that_the_template_brings() {
    for kind in ["ecdsa", "ed25519", "rsa"] {
        let text = run(&format!(
            "{{{{ $k := genPrivateKey `{kind}` }}}}{{{{ $ca := genCAWithKey `ca` 1 $k }}}}\
             {{{{ $own := genSelfSignedCertWithKey `own` nil (list `a.b`) 1 $k }}}}\
             {{{{ $leaf := genSignedCertWithKey `leaf` nil nil 1 $ca $k }}}}\
             {{{{ and (eq $k $ca.Key) (eq $k $own.Key) (eq $k $leaf.Key) }}}}\n{{{{ $own.Cert }}}}{{{{ $leaf.Cert }}}}"
        ));
        assert!(text.starts_with("true\n"), "{kind}: {text}");
        assert_eq!(CertificateDer::pem_slice_iter(text.as_bytes()).filter(Result::is_ok).count(), 2, "{kind}");
    }
}
