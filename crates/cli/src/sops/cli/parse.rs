//! Reading a command line as Go's flag package and urfave/cli read it, with the habits that scripts lean on: one dash or two,
//! `--flag=value`, the first word ends the flags, but behind a command they may follow the words.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::super::go;
use super::flags::{Flag, Kind};

/// What was given: flags, and the words that are none.
pub(super) struct Values {
    flags: Vec<(&'static Flag, Given)>,
    /// The words.
    pub(super) words: Vec<OsString>,
}

#[derive(Default)]
struct Given {
    /// From the variable.
    variable: Vec<OsString>,
    /// From the command line.
    line: Vec<OsString>,
    /// The name that it was given by.
    name: Option<&'static str>,
    /// Whether it was given by two of its names; holds the other one.
    two_names: Option<&'static str>,
}

/// A command line that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// A variable that does not parse. No help is shown.
    Variable(String),
    /// `-d` and `--decrypt`, say.
    TwoNames(String),
    /// Anything else.
    Usage(String),
}

impl Bad {
    /// The text.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Variable(text) | Self::TwoNames(text) | Self::Usage(text) => text,
        }
    }
}

/// Variables of the environment.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Reads flags until the first word. A mistake leaves what was read before it, which completion needs.
pub(super) fn parse(
    flags: impl Iterator<Item = &'static Flag>,
    args: &[OsString],
    env: Environment<'_>,
) -> (Values, Option<Bad>) {
    let mut values = Values { flags: flags.map(|flag| (flag, Given::default())).collect(), words: Vec::new() };
    if let Err(text) = values.read_variables(env) {
        return (values, Some(Bad::Variable(text)));
    }
    let usage = values.read(args).err();
    let two_names = values.flags.iter().find_map(|(_, given)| Some((given.two_names?, given.name?)));
    let bad = match (two_names, usage) {
        (Some((second, first)), _) => {
            Some(Bad::TwoNames(format!("Cannot use two forms of the same flag: {second} {first}")))
        }
        (None, usage) => usage.map(Bad::Usage),
    };
    (values, bad)
}

/// Moves flags that follow words to the front, as urfave/cli does for commands: a word behind a flag without `=` goes with it,
/// whether the flag takes a value or not.
pub(super) fn reorder(flags: &[&'static Flag], args: &[OsString]) -> Vec<OsString> {
    let (mut front, mut rest) = (Vec::new(), Vec::new());
    let mut value_may_follow = false;
    for (at, arg) in args.iter().enumerate() {
        let is_flag = names_flag(flags, arg);
        if value_may_follow && !is_flag {
            value_may_follow = false;
            front.push(arg.clone());
        } else if arg == "--" {
            rest.insert(0, arg.clone());
            rest.extend_from_slice(&args[at + 1..]);
            break;
        } else if is_flag {
            value_may_follow = !arg.to_string_lossy().contains('=');
            front.push(arg.clone());
        } else {
            rest.push(arg.clone());
        }
    }
    front.append(&mut rest);
    front
}

fn names_flag(flags: &[&'static Flag], arg: &OsStr) -> bool {
    let text = arg.to_string_lossy();
    if text == "-" || text == "--" || !text.starts_with('-') {
        return false;
    }
    let name = text.strip_prefix("--").unwrap_or(&text);
    let name = name.strip_prefix('-').unwrap_or(name);
    let name = name.split('=').next().unwrap_or_default();
    flags.iter().any(|flag| flag.names.contains(&name))
}

impl Values {
    fn read_variables(&mut self, env: Environment<'_>) -> Result<(), String> {
        for (flag, given) in &mut self.flags {
            let Some(value) = (!flag.env.is_empty()).then(|| env(flag.env)).flatten() else { continue };
            let text = value.to_string_lossy().into_owned();
            given.variable = match flag.kind {
                Kind::Texts => text.split(',').map(|part| part.trim().into()).collect(),
                Kind::Switch | Kind::SwitchOn => {
                    if !text.is_empty() && go::boolean(&text).is_none() {
                        return Err(format!(
                            "could not parse {text} as bool value for flag {}: strconv.ParseBool: parsing {}: invalid syntax",
                            flag.names.join(", "),
                            go::quote(&text)
                        ));
                    }
                    vec![value]
                }
                Kind::Text | Kind::Number => vec![value],
            };
        }
        Ok(())
    }

    fn read(&mut self, args: &[OsString]) -> Result<(), String> {
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            let text = arg.to_string_lossy();
            if text.len() < 2 || !text.starts_with('-') {
                break;
            }
            at += 1;
            if text == "--" {
                break;
            }
            let dashes = if text.starts_with("--") { 2 } else { 1 };
            let (name, value) = split(arg, dashes);
            if name.is_empty() || name.starts_with(['-', '=']) {
                return Err(format!("bad flag syntax: {text}"));
            }
            let (flag, given, name) = self
                .flags
                .iter_mut()
                .find_map(|(flag, given)| Some((*flag, given, *flag.names.iter().find(|known| **known == name)?)))
                .ok_or_else(|| format!("flag provided but not defined: -{name}"))?;
            let value = match flag.kind {
                Kind::Switch | Kind::SwitchOn => {
                    let value = value.unwrap_or_else(|| "true".into());
                    let text = value.to_string_lossy();
                    if go::boolean(&text).is_none() {
                        return Err(format!("invalid boolean value {} for -{name}: parse error", go::quote(&text)));
                    }
                    value
                }
                _ => match value {
                    Some(value) => value,
                    None => {
                        at += 1;
                        args.get(at - 1).cloned().ok_or_else(|| format!("flag needs an argument: -{name}"))?
                    }
                },
            };
            if flag.kind == Kind::Number {
                let text = value.to_string_lossy();
                if go::integer(&text).is_none() {
                    return Err(format!("invalid value {} for flag -{name}: parse error", go::quote(&text)));
                }
            }
            given.put(flag, name, value);
        }
        self.words = args[at.min(args.len())..].to_vec();
        Ok(())
    }

    fn given(&self, name: &str) -> Option<&(&'static Flag, Given)> {
        self.flags.iter().find(|(flag, _)| flag.name() == name)
    }

    /// Whether the flag stands on the command line.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given(name).is_some_and(|(_, given)| given.name.is_some())
    }

    /// The flags on the command line, by the names that they were given by.
    pub(super) fn given_names(&self) -> impl Iterator<Item = (&'static Flag, &'static str)> {
        self.flags.iter().filter_map(|(flag, given)| Some((*flag, given.name?)))
    }

    fn last(&self, name: &str) -> OsString {
        let Some((flag, given)) = self.given(name) else { return OsString::new() };
        given.line.last().or(given.variable.last()).cloned().unwrap_or_else(|| flag.default.into())
    }

    /// The value of a text; empty if it was not given.
    pub(super) fn text(&self, name: &str) -> String {
        self.last(name).to_string_lossy().into_owned()
    }

    /// The value of a path; nothing if it was not given or is empty.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        Some(PathBuf::from(self.last(name))).filter(|path| !path.as_os_str().is_empty())
    }

    /// Whether a switch is on.
    pub(super) fn on(&self, name: &str) -> bool {
        let Some((flag, given)) = self.given(name) else { return false };
        match given.line.last().or(given.variable.last()) {
            Some(value) => go::boolean(&value.to_string_lossy()).unwrap_or(false),
            None => flag.kind == Kind::SwitchOn,
        }
    }

    /// All values of a flag that may be repeated; the command line takes the place of the variable.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let Some((_, given)) = self.given(name) else { return Vec::new() };
        let values = if given.line.is_empty() { &given.variable } else { &given.line };
        values.iter().map(|value| value.to_string_lossy().into_owned()).collect()
    }

    /// The value of a number; 0 if it was not given.
    pub(super) fn number(&self, name: &str) -> i64 {
        go::integer(&self.text(name)).unwrap_or(0)
    }
}

impl Given {
    fn put(&mut self, flag: &Flag, name: &'static str, value: OsString) {
        match self.name {
            // The real tool finds the names in the order of the table.
            Some(other) if other != name => {
                let position = |name| flag.names.iter().position(|known| *known == name);
                let (first, second) = if position(other) < position(name) { (other, name) } else { (name, other) };
                self.name = Some(first);
                self.two_names = Some(second);
            }
            _ => self.name = Some(name),
        }
        self.line.push(value);
    }
}

/// Name and value of a flag.
fn split(arg: &OsStr, dashes: usize) -> (String, Option<OsString>) {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let bytes = &arg.as_bytes()[dashes..];
        // A name has at least one byte.
        let at = bytes.iter().skip(1).position(|byte| *byte == b'=').map(|at| at + 1);
        let (name, value) = at.map_or((bytes, None), |at| (&bytes[..at], Some(&bytes[at + 1..])));
        (String::from_utf8_lossy(name).into_owned(), value.map(|value| OsStr::from_bytes(value).to_owned()))
    }
    #[cfg(not(unix))]
    {
        let text = arg.to_string_lossy();
        let text = &text[dashes..];
        let at = text.char_indices().skip(1).find(|(_, letter)| *letter == '=').map(|(at, _)| at);
        let (name, value) = at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
        (name.to_owned(), value.map(OsString::from))
    }
}

#[cfg(test)]
mod tests {
    use super::super::flags::{COMMANDS, GLOBAL, HELP, VERSION, find};
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn global(line: &str) -> (Values, Option<Bad>) {
        parse(GLOBAL.iter().copied().flatten().chain([&HELP, &VERSION]), &words(line), &|_| None)
    }

    fn command(name: &str, line: &str) -> (Values, Option<Bad>) {
        let flags: Vec<&'static Flag> = find(COMMANDS, name).unwrap().all_flags().chain([&HELP]).collect();
        parse(flags.iter().copied(), &reorder(&flags, &words(line)), &|_| None)
    }

    #[test]
    fn one_dash_or_two_and_values_in_both_forms() {
        for line in [
            "-output-type json -d f",
            "--output-type json --decrypt f",
            "--output-type=json -d=true f",
            "-output-type=json -d f",
        ] {
            let (values, bad) = global(line);
            assert_eq!(
                (values.text("output-type").as_str(), values.on("decrypt"), bad),
                ("json", true, None),
                "{line}"
            );
            assert_eq!(values.words, ["f"], "{line}");
        }
        let (values, _) = global("--decrypt=false --enable-local-keyservice=0 --age=a=b --age  c");
        assert!(!values.on("decrypt") && !values.on("enable-local-keyservice"));
        assert_eq!(values.text("age"), "c");
        let (values, _) = global("--age=a=b");
        assert!(values.on("enable-local-keyservice") && values.is_given("age") && !values.is_given("pgp"));
        assert_eq!(values.text("age"), "a=b");
        let (values, _) = global("--keyservice tcp://a --keyservice=tcp://b -- -d");
        assert_eq!(values.texts("keyservice"), ["tcp://a", "tcp://b"]);
        assert_eq!(values.words, ["-d"]);
        assert_eq!(global("--indent -1 f").0.number("indent"), -1);
    }

    #[test]
    fn the_first_word_ends_the_flags_but_not_behind_a_command() {
        assert_eq!(global("-d f --output-type json").0.words, ["f", "--output-type", "json"]);
        let (values, bad) = command("decrypt", "f --output-type json -i");
        assert_eq!((values.text("output-type").as_str(), values.on("in-place"), bad), ("json", true, None));
        assert_eq!(values.words, ["f"]);
        // A word behind a switch goes with it, which changes the order.
        assert_eq!(command("set", "f --idempotent [0] 1").0.words, ["[0]", "f", "1"]);
        assert_eq!(command("decrypt", "f --nope").0.words, ["f", "--nope"]);
        assert_eq!(command("decrypt", "f -- -i").0.words, ["f", "-i"]);
        assert_eq!(command("decrypt", "-").0.words, ["-"]);
    }

    #[test]
    fn mistakes_are_worded_as_by_the_real_tool() {
        for (line, text) in [
            ("--nope", "flag provided but not defined: -nope"),
            ("-x=1", "flag provided but not defined: -x"),
            ("--indent x f", "invalid value \"x\" for flag -indent: parse error"),
            ("--keyservice", "flag needs an argument: -keyservice"),
            ("--decrypt=maybe f", "invalid boolean value \"maybe\" for -decrypt: parse error"),
            ("---d", "bad flag syntax: ---d"),
            ("--=x", "bad flag syntax: --=x"),
        ] {
            assert_eq!(global(line).1, Some(Bad::Usage(text.to_owned())), "{line}");
        }
        for line in ["-d --decrypt f", "--decrypt -d f", "--decrypt -d --nope"] {
            let text = "Cannot use two forms of the same flag: d decrypt";
            assert_eq!(global(line).1, Some(Bad::TwoNames(text.to_owned())), "{line}");
        }
        assert_eq!(command("decrypt", "--config x f").1.unwrap().text(), "flag provided but not defined: -config");
    }

    #[test]
    fn variables_are_defaults() {
        let with = |line: &str, name: &'static str, value: &'static str| {
            let env = move |asked: &str| (asked == name).then(|| OsString::from(value));
            parse(GLOBAL.iter().copied().flatten(), &words(line), &env)
        };
        assert_eq!(with("", "SOPS_AGE_RECIPIENTS", "age1").0.text("age"), "age1");
        assert_eq!(with("--age b", "SOPS_AGE_RECIPIENTS", "age1").0.text("age"), "b");
        assert_eq!(with("", "SOPS_KEYSERVICE", "a, b").0.texts("keyservice"), ["a", "b"]);
        assert_eq!(with("--keyservice c", "SOPS_KEYSERVICE", "a,b").0.texts("keyservice"), ["c"]);
        assert!(!with("", "SOPS_ENABLE_LOCAL_KEYSERVICE", "false").0.on("enable-local-keyservice"));
        assert!(!with("", "SOPS_ENABLE_LOCAL_KEYSERVICE", "").0.on("enable-local-keyservice"));
        assert_eq!(
            with("", "SOPS_DISABLE_VERSION_CHECK", "x").1,
            Some(Bad::Variable(
                "could not parse x as bool value for flag disable-version-check: strconv.ParseBool: parsing \"x\": invalid syntax"
                    .to_owned()
            ))
        );
    }
}
