//! kubeseal's flags, and pflag's way of reading them (sealed-secrets 8.1, 8.2).
//!
//! Hand-written, because exit codes, messages and odd forms (`-ojson`, `--raw=false`, words that are ignored, list flags that add
//! to the environment) are what scripts depend on, and clap's differ.

use std::ffi::{OsStr, OsString};

use bulla_core::sealed::Scope;

use super::csv;
use super::klog::Klog;

/// How a flag takes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Bool,
    Scope,
    /// A line of comma-separated values, repeatable.
    List,
    /// Repeatable, commas stay.
    Array,
    /// One of klog's, which is checked as klog does it and has no effect.
    Klog(Klog),
}

/// One flag: long name, shorthand, kind, name of the value in the help, help.
struct Flag {
    long: &'static str,
    short: Option<char>,
    kind: Kind,
    value: &'static str,
    help: &'static str,
}

const fn flag(long: &'static str, short: Option<char>, kind: Kind, value: &'static str, help: &'static str) -> Flag {
    Flag { long, short, kind, value, help }
}

use Kind::{Array, Bool, List, Text};

/// In the order of their names, as pflag lists them.
#[rustfmt::skip]
const FLAGS: &[Flag] = &[
    flag("add_dir_header", None, Kind::Klog(Klog::Bool), "", "Accepted for compatibility, without effect"),
    flag("allow-empty-data", None, Bool, "", "Allow empty data in the input Secret"),
    flag("alsologtostderr", None, Kind::Klog(Klog::Bool), "", "Accepted for compatibility, without effect"),
    flag("alsologtostderrthreshold", None, Kind::Klog(Klog::Severity), "severity", "Accepted for compatibility, without effect"),
    flag("as", None, Text, "string", "Username to impersonate for the operation"),
    flag("as-group", None, Array, "stringArray", "Group to impersonate for the operation, may be repeated"),
    flag("as-uid", None, Text, "string", "UID to impersonate for the operation"),
    flag("cert", None, Text, "string", "Certificate / public key file or URL to use for encryption. Overrides --controller-*"),
    flag("certificate-authority", None, Text, "string", "Path to a cert file for the certificate authority"),
    flag("client-certificate", None, Text, "string", "Path to a client certificate file for TLS"),
    flag("client-key", None, Text, "string", "Path to a client key file for TLS"),
    flag("cluster", None, Text, "string", "The name of the kubeconfig cluster to use"),
    flag("context", None, Text, "string", "The name of the kubeconfig context to use"),
    flag("controller-name", None, Text, "string", "Name of the sealed-secrets controller (default \"sealed-secrets-controller\")"),
    flag("controller-namespace", None, Text, "string", "Namespace of the sealed-secrets controller (default \"kube-system\")"),
    flag("disable-compression", None, Bool, "", "Opt out of response compression"),
    flag("fetch-cert", None, Bool, "", "Write the certificate to stdout"),
    flag("format", Some('o'), Text, "string", "Output format for the sealed secret: json or yaml (default \"json\")"),
    flag("from-file", None, List, "strings", "Secret items can be sourced from files, only with --raw"),
    flag("help", None, Bool, "", "Print this help message"),
    flag("insecure-skip-tls-verify", None, Bool, "", "Do not check the server's certificate"),
    flag("kubeconfig", None, Text, "string", "Path to a kubeconfig"),
    flag("legacy_stderr_threshold_behavior", None, Kind::Klog(Klog::Bool), "", "Accepted for compatibility, without effect"),
    flag("log_backtrace_at", None, Kind::Klog(Klog::Trace), "traceLocation", "Accepted for compatibility, without effect"),
    flag("log_dir", None, Kind::Klog(Klog::Text), "string", "Accepted for compatibility, without effect"),
    flag("log_file", None, Kind::Klog(Klog::Text), "string", "Accepted for compatibility, without effect"),
    flag("log_file_max_size", None, Kind::Klog(Klog::Uint), "uint", "Accepted for compatibility, without effect"),
    flag("logtostderr", None, Kind::Klog(Klog::Bool), "", "Accepted for compatibility, without effect"),
    flag("merge-into", None, Text, "string", "Merge items into an existing sealed secret file, in place"),
    flag("name", None, Text, "string", "Name of the sealed secret (required with --raw and strict scope)"),
    flag("namespace", Some('n'), Text, "string", "If present, the namespace scope for this CLI request"),
    flag("one_output", None, Kind::Klog(Klog::Bool), "", "Accepted for compatibility, without effect"),
    flag("password", None, Text, "string", "Password for basic authentication to the API server"),
    flag("proxy-url", None, Text, "string", "Proxy for requests to the API server"),
    flag("raw", None, Bool, "", "Encrypt a raw value passed via the flags or stdin instead of a Secret"),
    flag("re-encrypt", None, Bool, "", "Re-encrypt the given sealed secret to the latest key"),
    flag("recovery-private-key", None, List, "strings", "Private key files for --recovery-unseal: PEM, key Secret, or List"),
    flag("recovery-unseal", None, Bool, "", "Decrypt a sealed secret with --recovery-private-key, offline"),
    flag("request-timeout", None, Text, "string", "How long to wait for one request (default \"0\")"),
    flag("rotate", None, Bool, "", ""),
    flag("scope", None, Kind::Scope, "string", "Scope of the sealed secret: strict, namespace-wide, cluster-wide (default strict)"),
    flag("sealed-secret-file", Some('w'), Text, "string", "Sealed-secret (output) file"),
    flag("secret-file", Some('f'), Text, "string", "Secret (input) file"),
    flag("server", None, Text, "string", "The address and port of the Kubernetes API server"),
    flag("skip_headers", None, Kind::Klog(Klog::Bool), "", "Accepted for compatibility, without effect"),
    flag("skip_log_headers", None, Kind::Klog(Klog::Bool), "", "Accepted for compatibility, without effect"),
    flag("stderrthreshold", None, Kind::Klog(Klog::Severity), "severity", "Accepted for compatibility, without effect"),
    flag("tls-server-name", None, Text, "string", "Name to check the server's certificate against"),
    flag("token", None, Text, "string", "Bearer token for authentication to the API server"),
    flag("user", None, Text, "string", "The name of the kubeconfig user to use"),
    flag("username", None, Text, "string", "Username for basic authentication to the API server"),
    flag("v", Some('v'), Kind::Klog(Klog::Level), "Level", "Accepted for compatibility, without effect"),
    flag("validate", None, Bool, "", "Validate that the sealed secret can be decrypted"),
    flag("version", None, Bool, "", "Print version information and exit"),
    flag("vmodule", None, Kind::Klog(Klog::Modules), "moduleSpec", "Accepted for compatibility, without effect"),
];

/// A flag as the help shows it; `value` is empty for a switch.
pub(crate) struct Shown {
    pub(crate) long: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
}

/// The flags that the help shows, for completion and the manual, which have a `--help` of their own.
pub(crate) fn shown() -> impl Iterator<Item = Shown> {
    let flags = FLAGS.iter().filter(|flag| !flag.help.is_empty() && flag.long != "help");
    flags.map(|flag| Shown { long: flag.long, short: flag.short, value: flag.value, help: flag.help })
}

/// The help that a command line of flags gets: pflag's `FlagUsages`.
pub(crate) fn usages() -> String {
    let mut lines: Vec<(String, &str)> = Vec::new();
    for flag in FLAGS.iter().filter(|flag| !flag.help.is_empty()) {
        let short = flag.short.map_or_else(|| "      ".to_owned(), |short| format!("  -{short}, "));
        let space = if flag.value.is_empty() { "" } else { " " };
        lines.push((format!("{short}--{}{space}{}", flag.long, flag.value), flag.help));
    }
    let width = lines.iter().map(|(left, _)| left.len()).max().unwrap_or_default();
    lines.into_iter().map(|(left, help)| format!("{left:width$}   {help}\n")).collect()
}

/// What was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    values: Vec<(&'static str, Value)>,
}

/// Why the command line is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// `-h`.
    Help,
    /// pflag's message for the first word that is wrong.
    Wrong(String),
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Wrong(message)
    }
}

#[derive(Clone, Debug)]
enum Value {
    Text(OsString),
    Bool(bool),
    Scope(Scope),
    List(Vec<String>),
}

impl Flags {
    /// Reads environment and command line. The command line wins; lists add up. `say` gets what pflag says meanwhile.
    ///
    /// # Errors
    /// [`Stop`] at the first word that ends it.
    pub(crate) fn parse(
        args: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, Stop> {
        let mut flags = Self::default();
        for flag in FLAGS.iter().filter(|flag| !matches!(flag.kind, Kind::Klog(_))) {
            let variable = format!("SEALED_SECRETS_{}", flag.long.to_uppercase().replace('-', "_"));
            if let Some(value) = environment(&variable) {
                // Values that do not parse are ignored.
                let _ = flags.set(flag, &value);
            }
        }
        let mut args = args.into_iter();
        while let Some(word) = args.next() {
            if word == "--" {
                break;
            }
            flags.word(&word, &mut args, say)?;
        }
        Ok(flags)
    }

    /// One word of the command line.
    fn word(
        &mut self,
        word: &OsStr,
        rest: &mut impl Iterator<Item = OsString>,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), Stop> {
        let bytes = word.as_encoded_bytes();
        if bytes.len() < 2 || bytes[0] != b'-' {
            return Ok(()); // positional words are accepted and ignored
        }
        // Flags are ASCII; what stands behind `=` or a shorthand keeps its bytes.
        let lossy = word.to_string_lossy();
        if let Some(body) = lossy.strip_prefix("--") {
            let (name, inline) = match body.split_once('=') {
                Some((name, _)) => (name, Some(tail(word, 2 + name.len() + 1))),
                None => (body, None),
            };
            if name.is_empty() || name.starts_with('-') {
                return Err(Stop::Wrong(format!("bad flag syntax: {lossy}")));
            }
            let Some(flag) = FLAGS.iter().find(|flag| flag.long == name) else {
                return Err(Stop::Wrong(format!("unknown flag: --{name}")));
            };
            let value = match inline {
                Some(value) => value,
                None if flag.is_switch() => "true".into(),
                None => rest.next().ok_or_else(|| format!("flag needs an argument: --{name}"))?,
            };
            self.set(flag, &value).map_err(|cause| flag.invalid(&value, &cause))?;
            if flag.long == "rotate" {
                say("Flag --rotate has been deprecated, please use --re-encrypt instead\n");
            }
            return Ok(());
        }
        self.shorthand(&lossy[1..], word, rest)
    }

    /// `-ojson`, `-o json`, `-o=json`.
    fn shorthand(
        &mut self,
        letters: &str,
        word: &OsStr,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Stop> {
        let letter = letters.chars().next().unwrap_or_default();
        if letter == 'h' {
            return Err(Stop::Help);
        }
        let Some(flag) = FLAGS.iter().find(|flag| flag.short == Some(letter)) else {
            return Err(Stop::Wrong(format!("unknown shorthand flag: '{letter}' in -{letters}")));
        };
        let value = match &letters[letter.len_utf8()..] {
            "" => rest.next().ok_or_else(|| format!("flag needs an argument: '{letter}' in -{letters}"))?,
            inline if inline.starts_with('=') => tail(word, 3),
            _ => tail(word, 2),
        };
        Ok(self.set(flag, &value).map_err(|cause| flag.invalid(&value, &cause))?)
    }

    fn set(&mut self, flag: &Flag, value: &OsStr) -> Result<(), String> {
        let text = value.to_string_lossy();
        let parsed = match flag.kind {
            Text => Value::Text(value.to_owned()),
            Bool => Value::Bool(go_bool(&text)?),
            Kind::Scope => Value::Scope(text.parse::<Scope>().map_err(|error| error.to_string())?),
            List | Array => {
                let new = if flag.kind == List { csv::values(&text)? } else { vec![text.into_owned()] };
                Value::List(self.list(flag.long).iter().cloned().chain(new).collect())
            }
            Kind::Klog(klog) => return klog.check(&text),
        };
        // Two names of one switch.
        let name = if flag.long == "rotate" { "re-encrypt" } else { flag.long };
        self.values.retain(|(given, _)| *given != name);
        self.values.push((name, parsed));
        Ok(())
    }

    fn value(&self, name: &str) -> Option<&Value> {
        debug_assert!(FLAGS.iter().any(|flag| flag.long == name), "no such flag: {name}");
        self.values.iter().find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    /// A flag of text; not given and empty are the same.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.path(name).map(|text| text.to_string_lossy().into_owned())
    }

    /// A flag that names a file.
    pub(crate) fn path(&self, name: &str) -> Option<&OsStr> {
        match self.value(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A switch.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Bool(true)))
    }

    /// A list.
    pub(crate) fn list(&self, name: &str) -> &[String] {
        match self.value(name) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// `--scope`, if it is given.
    pub(crate) fn explicit_scope(&self) -> Option<Scope> {
        match self.value("scope") {
            Some(Value::Scope(scope)) => Some(*scope),
            _ => None,
        }
    }

    /// `--scope`, strict if it is not given.
    pub(crate) fn scope(&self) -> Scope {
        self.explicit_scope().unwrap_or(Scope::Strict)
    }
}

impl Flag {
    fn is_switch(&self) -> bool {
        matches!(self.kind, Bool | Kind::Klog(Klog::Bool))
    }

    fn invalid(&self, value: &OsStr, cause: &str) -> String {
        let name = self.short.map_or_else(|| format!("--{}", self.long), |short| format!("-{short}, --{}", self.long));
        format!("invalid argument {:?} for {name:?} flag: {cause}", value.to_string_lossy())
    }
}

/// What stands behind the first `skip` bytes, which are ASCII.
fn tail(word: &OsStr, skip: usize) -> OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        OsStr::from_bytes(&word.as_bytes()[skip..]).to_owned()
    }
    #[cfg(not(unix))]
    {
        word.to_string_lossy()[skip..].into()
    }
}

/// Go's `strconv.ParseBool`.
pub(super) fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(args: &[&str], environment: &[(&str, &str)]) -> Result<Flags, Stop> {
        let environment =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        Flags::parse(args.iter().map(OsString::from), environment, &mut |_| ())
    }

    fn parse(args: &[&str]) -> Result<Flags, Stop> {
        with(args, &[])
    }

    #[test]
    fn the_table_is_in_the_order_of_names() {
        assert!(FLAGS.windows(2).all(|pair| pair[0].long < pair[1].long));
    }

    #[test]
    fn values_follow_in_every_way_that_pflag_knows() {
        for args in [
            &["-o", "yaml"][..],
            &["-oyaml"],
            &["-o=yaml"],
            &["--format", "yaml"],
            &["--format=yaml"],
            &["x", "-oyaml"],
        ] {
            assert_eq!(parse(args).unwrap().text("format").as_deref(), Some("yaml"), "{args:?}");
        }
        assert!(parse(&["--raw"]).unwrap().is_set("raw"));
        assert!(!parse(&["--raw", "--raw=false"]).unwrap().is_set("raw"));
        // A switch takes no following word.
        assert!(parse(&["--raw", "false"]).unwrap().is_set("raw"));
        assert!(parse(&["--", "--raw"]).unwrap().text("format").is_none());
        assert!(!parse(&["-", "--", "--raw"]).unwrap().is_set("raw"));
        assert!(parse(&["--help"]).unwrap().is_set("help"));
        assert!(!parse(&["--help=false"]).unwrap().is_set("help"));
        assert!(parse(&["--rotate"]).unwrap().is_set("re-encrypt"));
        assert!(!parse(&["--re-encrypt", "--rotate=false"]).unwrap().is_set("re-encrypt"));
        assert_eq!(parse(&["-h", "--nonsense"]).map(drop), Err(Stop::Help));
        assert_eq!(parse(&["--as-group=a,b", "--as-group", "c"]).unwrap().list("as-group"), ["a,b", "c"]);
        assert_eq!(parse(&["--from-file=\"a,b\",c"]).unwrap().list("from-file"), ["a,b", "c"]);
        assert!(parse(&["-v", "9", "--v=2", "--logtostderr", "--log_dir", "x", "--vmodule=a=1"]).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_pflag() {
        for (args, message) in [
            (&["--x"][..], "unknown flag: --x"),
            (&["--x=1"], "unknown flag: --x"),
            (&["--help", "--x"], "unknown flag: --x"),
            (&["-x"], "unknown shorthand flag: 'x' in -x"),
            (&["-s", "x"], "unknown shorthand flag: 's' in -s"),
            (&["--cert"], "flag needs an argument: --cert"),
            (&["-o"], "flag needs an argument: 'o' in -o"),
            (&["--=x"], "bad flag syntax: --=x"),
            (&["---x"], "bad flag syntax: ---x"),
            (
                &["--scope", "bad"],
                "invalid argument \"bad\" for \"--scope\" flag: must be one of: strict, namespace-wide, cluster-wide",
            ),
            (
                &["--raw=x"],
                "invalid argument \"x\" for \"--raw\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
            (&["-v=x"], "invalid argument \"x\" for \"-v, --v\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"),
        ] {
            assert_eq!(parse(args).map(drop), Err(Stop::Wrong(message.to_owned())), "{args:?}");
        }
    }

    #[test]
    fn the_environment_fills_in_and_lists_add_up() {
        let environment = [
            ("SEALED_SECRETS_CERT", "env.pem"),
            ("SEALED_SECRETS_SCOPE", "nonsense"),
            ("SEALED_SECRETS_RECOVERY_PRIVATE_KEY", "a,b"),
            ("SEALED_SECRETS_CONTROLLER_NAMESPACE", "ns"),
            ("SEALED_SECRETS_V", "9"),
        ];
        let flags = with(&["--recovery-private-key", "c"], &environment).unwrap();
        assert_eq!(flags.text("cert").as_deref(), Some("env.pem"));
        assert_eq!(flags.scope(), Scope::Strict);
        assert_eq!(flags.list("recovery-private-key"), ["a", "b", "c"]);
        assert_eq!(flags.text("controller-namespace").as_deref(), Some("ns"));
        let flags = with(&["--cert=x", "--scope", "cluster-wide"], &environment).unwrap();
        assert_eq!(flags.text("cert").as_deref(), Some("x"));
        assert_eq!(flags.scope(), Scope::ClusterWide);
    }
}
