//! The controller's flags about sealing keys: a value that cannot be ends the start, with a message that names the flag.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use support::{BULLA, Bench, Ran, run};

/// Runs the binary under the name of the stock controller.
fn controller(bench: &Bench, args: &[&str], environment: &[(&str, &str)]) -> Ran {
    let link = bench.path("controller");
    if !link.exists() {
        std::os::unix::fs::symlink(BULLA, &link).unwrap();
    }
    let mut command = bench.command(link.to_str().unwrap());
    command.args(args).envs(environment.iter().copied());
    run(command, b"")
}

#[test]
fn a_value_that_cannot_be_ends_the_start_and_names_the_flag() {
    let bench = Bench::new();
    // A variable that is no duration is left out, as the stock controller does, with a warning; what is text is judged.
    const LEFT_OUT: &str = "cannot be read";
    const A_DATE: &str = "Sat, 21 Nov 2026 15:04:05 +0000";
    for (flag, value, said, of_a_variable) in [
        ("--key-renew-period", "30d", "no unit for days", LEFT_OUT),
        ("--key-renew-period", "-1h", "duration", LEFT_OUT),
        ("--rotate-period", "soon", "duration", LEFT_OUT),
        ("--key-cutoff-time", "2026-11-21T15:04:05Z", A_DATE, A_DATE),
        ("--key-cutoff-time", "Sat, 21 Nov 2026 15:04:05 UTC", A_DATE, A_DATE),
        ("--privatekey-annotations", "a", "name=value,name=value", "name=value,name=value"),
        ("--privatekey-labels", "a=b,=c", "a name that Kubernetes takes", "a name that Kubernetes takes"),
        ("--privatekey-labels", "a=b c", "a value that Kubernetes takes", "a value that Kubernetes takes"),
        ("--privatekey-labels", "bulla.dev/key-state=retired", "a new key is active", "a new key is active"),
    ] {
        let flag_and_value = format!("{flag}={value}");
        controller(&bench, &[&flag_and_value], &[]).fails(2, &[flag, said]);
        bench.bulla(&["controller", &flag_and_value]).fails(3, &["(E0001)", flag, said]);
        let variable = format!("SEALED_SECRETS_{}", flag[2..].to_uppercase().replace('-', "_"));
        controller(&bench, &[], &[(&variable, value)]).fails(2, &[of_a_variable]);
    }
}

#[test]
fn good_values_get_as_far_as_the_cluster() {
    let bench = Bench::new();
    for args in [
        &["--key-renew-period", "0"][..],
        &["--rotate-period=720h"],
        &["--key-cutoff-time", "Sat, 21 Nov 2026 15:04:05 +0000"],
        &["--key-cutoff-time", ""],
        &[
            "--privatekey-annotations",
            "",
            "--privatekey-labels",
            "team=sre,sealedsecrets.bitnami.com/sealed-secrets-key=off",
        ],
        &["--watch-for-secrets"],
        &["--watch-for-secrets=false"],
    ] {
        controller(&bench, args, &[]).fails(2, &["(E0501)"]);
    }
    let ran = controller(&bench, &["--key-order-priority", "Alphabet"], &[("SEALED_SECRETS_ROTATE_PERIOD", "1h")]);
    assert_eq!(ran.code, 2);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("--key-order-priority: no such order, CertNotBefore is used"), "{said}");
    assert!(said.contains("--rotate-period is deprecated"), "{said}");
}

#[test]
fn a_backup_needs_a_folder_and_recipients_that_are_some() {
    const RECIPIENT: &str = "age1haazd5mwjahez62mza89z4pdr70kk99m6q2f5npegh46lhxhyfusnp0zhp";
    let bench = Bench::new();
    controller(&bench, &["--key-backup-dir", "backups"], &[]).fails(2, &["--key-backup-recipient"]);
    controller(&bench, &["--key-backup-recipient", RECIPIENT], &[]).fails(2, &["--key-backup-dir"]);
    let with = |recipients: &[&str]| {
        let flags = recipients.iter().flat_map(|recipient| ["--key-backup-recipient", recipient]);
        let args: Vec<_> = ["--key-backup-dir", "backups"].into_iter().chain(flags).collect();
        controller(&bench, &args, &[])
    };
    with(&["age1nobody"]).fails(2, &["(E0602)", "--key-backup-recipient", "not an age recipient"]);
    let vector: serde_json::Value = serde_json::from_str(&support::vector("age/hybrid.json")).unwrap();
    let (hybrid, identity) = (vector["recipient"].as_str().unwrap(), vector["identity"].as_str().unwrap());
    with(&[RECIPIENT, hybrid]).fails(2, &["(E0602)", "cannot be mixed"]);
    for pasted in [identity.to_owned(), identity.to_lowercase()] {
        let stderr = with(&[&pasted]).fails(2, &["(E0602)", "age identity, which is secret"]);
        assert!(!stderr.contains(&pasted[20..40]), "the secret half is repeated: {stderr}");
    }
    with(&[RECIPIENT]).fails(2, &["(E0501)"]);
    with(&[hybrid]).fails(2, &["(E0501)"]);
    let environment = [
        ("SEALED_SECRETS_KEY_BACKUP_DIR", "backups"),
        ("SEALED_SECRETS_KEY_BACKUP_RECIPIENT", &format!("{RECIPIENT},{RECIPIENT}")),
    ];
    controller(&bench, &[], &environment).fails(2, &["(E0501)"]);
    assert!(!bench.path("backups").exists());
}

#[test]
fn the_help_explains_the_flags_to_people() {
    let help = Bench::new().bulla(&["controller", "--help"]).ok();
    for flag in [
        "--key-renew-period",
        "--key-cutoff-time",
        "--key-order-priority",
        "--privatekey-annotations",
        "--privatekey-labels",
        "--watch-for-secrets",
        "--key-backup-recipient",
        "--key-backup-dir",
    ] {
        assert!(help.contains(flag), "{flag} is not in:\n{help}");
    }
    assert!(!help.contains("--rotate-period"), "the old name is accepted, not advertised");
}
