//! `spec.template.data`: which templates run on which data, and what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use zeroize::Zeroizing;

use crate::budget::{Budget, Meter};
use crate::error::Error;
use crate::parse::parser::parse;
use crate::value::{Elem, Text, Value};
use crate::{exec, function};

/// What the templates of one object came to.
#[derive(Default)]
pub struct Rendered {
    /// The output of each template, by key, cleared from memory when dropped.
    pub outputs: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// The keys of the templates that drew random bytes, made a key, or looked at the clock: the same templates on the same
    /// items come out otherwise the next time. All others come out the same.
    pub varying: BTreeSet<String>,
}

/// One error for each template that failed, by key. It prints them one to a line, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(pub BTreeMap<String, Error>);

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.values().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// Renders templates on decrypted items, as the Sealed Secrets controller v0.40.0 does.
///
/// Each entry of `templates` is a template of its own, named after its key; one that is null is no template. All of them see
/// one context, a map from string to string: every item, and the unrendered text of each template whose key is not an
/// item. A template whose key is an item runs as well, since its errors count; what the Secret holds then is the caller's
/// decision.
///
/// # Errors
/// Those of every template that does not parse or run, or that the budget does not reach. No error holds a value.
pub fn render(
    templates: &BTreeMap<String, Option<String>>,
    items: &BTreeMap<String, &[u8]>,
    budget: &Budget,
) -> Result<Rendered, Errors> {
    let mut rendered = Rendered::default();
    let mut errors = BTreeMap::new();
    let mut written = 0;
    let meter = Meter::new(budget);
    for (key, source) in templates.iter().filter_map(|(key, source)| Some((key, source.as_ref()?))) {
        match render_one(key, source, templates, items, written, &meter) {
            Ok(output) => {
                written += output.len();
                rendered.outputs.insert(key.clone(), output);
                if meter.take_varied() {
                    rendered.varying.insert(key.clone());
                }
            }
            Err(error) => {
                errors.insert(key.clone(), *error);
            }
        }
    }
    if errors.is_empty() { Ok(rendered) } else { Err(Errors(errors)) }
}

/// Parses a template without running it.
///
/// # Errors
/// [`Error::Parse`].
pub fn check(key: &str, source: &str) -> Result<(), Error> {
    parse(key, source, function::exists).map(drop)
}

fn render_one(
    key: &str,
    source: &str,
    templates: &BTreeMap<String, Option<String>>,
    items: &BTreeMap<String, &[u8]>,
    written: usize,
    meter: &Meter,
) -> Result<Zeroizing<Vec<u8>>, exec::Failure> {
    let trees = parse(key, source, function::exists)?;
    // A template may change the lists and dictionaries that it makes, but not the context: it has no `set`.
    let context = context(templates, items, meter).map_err(|_| exec::over_budget(key, "memory"))?;
    exec::execute(key, source, &trees, &context, written, meter)
}

fn context(
    templates: &BTreeMap<String, Option<String>>,
    items: &BTreeMap<String, &[u8]>,
    meter: &Meter,
) -> Result<Value, crate::error::Fail> {
    let mut entries = BTreeMap::new();
    for (key, value) in items {
        entries.insert(Text::from(key.as_str()), Value::text(*value));
    }
    for (key, source) in templates {
        if let Some(source) = source.as_ref().filter(|_| !items.contains_key(key)) {
            entries.insert(Text::from(key.as_str()), Value::text(source.as_str()));
        }
    }
    meter.map(Elem::Text, entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(entries: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
        entries.iter().map(|(key, text)| ((*key).to_owned(), text.map(str::to_owned))).collect()
    }

    fn items<'i>(entries: &[(&str, &'i [u8])]) -> BTreeMap<String, &'i [u8]> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    fn run(entries: &[(&str, Option<&str>)], values: &[(&str, &[u8])]) -> BTreeMap<String, String> {
        let rendered = render(&templates(entries), &items(values), &Budget::default()).expect("renders");
        rendered.outputs.iter().map(|(key, value)| (key.clone(), String::from_utf8_lossy(value).into_owned())).collect()
    }

    #[test]
    fn the_result_holds_what_the_templates_made() {
        let result = run(&[("url", Some("{{ .user }}:{{ .pass }}@db"))], &[("user", b"u"), ("pass", b"p")]);
        assert_eq!(result, BTreeMap::from([("url".to_owned(), "u:p@db".to_owned())]));
    }

    #[test]
    fn an_item_wins_over_a_template_of_its_key_in_the_context() {
        let result = run(&[("a", Some("template")), ("b", Some("{{ .a }}"))], &[("a", b"item")]);
        assert_eq!(result["b"], "item");
    }

    #[test]
    fn only_templates_that_could_come_out_otherwise_are_said_to_vary() {
        let entries =
            [("a", Some("{{ uuidv4 }}")), ("b", Some("{{ .x }}")), ("c", Some("{{ if false }}{{ now }}{{ end }}"))];
        let rendered =
            render(&templates(&entries), &items(&[("x", b"{{ now }}")]), &Budget::default()).expect("renders");
        assert_eq!(rendered.varying, BTreeSet::from(["a".to_owned()]));
    }

    #[test]
    fn the_losing_template_still_runs_and_its_error_counts() {
        let errors = render(&templates(&[("a", Some("{{ fail \"x\" }}"))]), &items(&[("a", b"i")]), &Budget::default());
        assert_eq!(errors.err().expect("fails").0["a"].function(), Some("fail"));
    }

    #[test]
    fn a_sibling_template_is_seen_as_its_source() {
        let result = run(&[("a", Some("{{ 1 }}")), ("b", Some("<{{ .a }}>"))], &[]);
        assert_eq!(result["b"], "<{{ 1 }}>");
    }

    #[test]
    fn null_is_no_template_and_no_part_of_the_context() {
        let result =
            run(&[("pass", None), ("gone", None), ("url", Some("{{ .pass }}@{{ .gone }}"))], &[("pass", b"p")]);
        assert_eq!(result, BTreeMap::from([("url".to_owned(), "p@<no value>".to_owned())]));
    }

    #[test]
    fn a_missing_key_prints_no_value_and_is_an_error_for_a_function_of_strings() {
        assert_eq!(run(&[("a", Some("{{ .gone }}"))], &[])["a"], "<no value>");
        let errors = render(&templates(&[("a", Some("{{ upper .gone }}"))]), &items(&[]), &Budget::default());
        let text = errors.err().expect("fails").to_string();
        assert_eq!(text, "template: a:1:9: executing \"a\" at <.gone>: invalid value; expected string");
    }

    #[test]
    fn values_that_are_not_utf8_pass_through_unchanged() {
        let value: &[u8] = &[0xff, 0x00, 0xfe, b'a'];
        let rendered =
            render(&templates(&[("copy", Some("<{{ .raw }}>"))]), &items(&[("raw", value)]), &Budget::default());
        assert_eq!(rendered.expect("renders").outputs["copy"].as_slice(), [b"<", value, b">"].concat());
    }

    #[test]
    fn every_failing_template_has_its_error() {
        let broken = templates(&[("a", Some("{{")), ("b", Some("{{ nope }}")), ("c", Some("fine"))]);
        let errors = render(&broken, &items(&[]), &Budget::default()).err().expect("fails");
        assert_eq!(errors.to_string(), "template: a:1: unclosed action\ntemplate: b:1: function \"nope\" not defined");
    }
}
