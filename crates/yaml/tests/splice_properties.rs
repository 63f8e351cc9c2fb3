//! Random edits of random manifests. One grammar gives texts whose every line is known, so that the lines that an edit does
//! not concern can be compared; the other property damages texts and only asks that nothing else ever changes.

use bulla_yaml::{Limits, Splices, fuzz, read_manifests};
use proptest::prelude::*;

/// An entry of `encryptedData` as it stands in the text, and how it looks to a reader.
#[derive(Clone, Debug)]
struct Line {
    key: String,
    /// Around the value; `{}` stands for it.
    form: &'static str,
    value: String,
    /// Whole lines below that belong to nobody.
    below: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Keep,
    Set,
    Remove,
    Rename,
}

const FORMS: [&str; 10] = [
    " {}",
    " {} # c",
    "   '{}'",
    " \"{}\"\t# ü",
    " >-\n{i}  {}",
    " | # h: |\n{i}   {}",
    " &{k} {}",
    " !!str {}",
    "\n{i}  {}",
    " |+\n{i} {}\n\n",
];

fn entry() -> impl Strategy<Value = (Line, Act)> {
    let below = prop::sample::select(vec!["", "", "\n", "# c\n", "  # d: e\n\n"]);
    let act = prop::sample::select(vec![Act::Keep, Act::Keep, Act::Set, Act::Remove, Act::Rename]);
    ("[a-zA-Z][a-zA-Z0-9._-]{0,8}", 0..FORMS.len(), "Ag[a-zA-Z0-9+/]{1,30}={0,2}", below, act).prop_map(
        |(key, form, value, below, act)| (Line { key: format!("k{key}"), form: FORMS[form], value, below }, act),
    )
}

impl Line {
    fn text(&self, indent: &str) -> String {
        let anchor: String = self.key.chars().filter(char::is_ascii_alphanumeric).collect();
        let value = self.form.replace("{i}", indent).replace("{k}", &anchor).replace("{}", &self.value);
        let end = if value.ends_with('\n') { "" } else { "\n" };
        format!("{indent}{}:{value}{end}", self.key)
    }
}

/// How a whole text is laid out.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Block(&'static str),
    Flow,
    Compact,
    Spaced,
    Pretty(&'static str),
}

const LAYOUTS: [Layout; 8] = [
    Layout::Block("  "),
    Layout::Block("    "),
    Layout::Flow,
    Layout::Compact,
    Layout::Spaced,
    Layout::Pretty("  "),
    Layout::Pretty("    "),
    Layout::Pretty("\t"),
];

impl Layout {
    /// A map under `s.m`, with something before and behind it.
    fn text(self, entries: &[(String, String)]) -> String {
        let join = |separator: &str, entry: &dyn Fn(&str, &str) -> String| {
            entries.iter().map(|(key, value)| entry(key, value)).collect::<Vec<_>>().join(separator)
        };
        match self {
            Self::Block(unit) if entries.is_empty() => format!("a: 1\ns:\n{unit}m: {{}}\n{unit}z: 2\n"),
            Self::Block(unit) => {
                let lines = join("", &|key, value| format!("{unit}{unit}{key}: {value}\n"));
                format!("a: 1\ns:\n{unit}m:\n{lines}{unit}z: 2\n")
            }
            Self::Flow => {
                let map = join(", ", &|key, value| format!("{key}: {value}"));
                format!("a: 1\ns: {{m: {{{map}}}, z: 2}}\n")
            }
            Self::Compact => {
                let map = join(",", &|key, value| format!("\"{key}\":\"{value}\""));
                format!("{{\"a\":1,\"s\":{{\"m\":{{{map}}},\"z\":2}}}}")
            }
            Self::Spaced => {
                let map = join(", ", &|key, value| format!("\"{key}\": \"{value}\""));
                format!("{{\"a\": 1, \"s\": {{\"m\": {{{map}}}, \"z\": 2}}}}")
            }
            Self::Pretty(unit) => {
                let lines = join(",", &|key, value| format!("\n{unit}{unit}{unit}\"{key}\": \"{value}\""));
                let map = if lines.is_empty() { lines } else { format!("{lines}\n{unit}{unit}") };
                format!(
                    "{{\n{unit}\"a\": 1,\n{unit}\"s\": {{\n{unit}{unit}\"m\": {{{map}}},\n{unit}{unit}\"z\": 2\n{unit}}}\n}}\n"
                )
            }
        }
    }
}

/// Where `part` stands in `text` at or after `from`.
fn find(text: &str, part: &str, from: usize) -> Option<usize> {
    Some(from + text.get(from..)?.find(part)? + part.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(600), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_leave_every_other_line_as_it_is(
        mut entries in prop::collection::vec(entry(), 1..7),
        inserted in prop::collection::vec("n[a-z]{0,5}", 0..3),
        indent in prop::sample::select(vec!["  ", "    ", "      "]),
        crlf: bool,
        bom: bool,
        around in any::<(bool, bool)>(),
        cut_end: bool,
    ) {
        entries.sort_by(|a, b| a.0.key.cmp(&b.0.key));
        entries.dedup_by(|a, b| a.0.key.to_lowercase() == b.0.key.to_lowercase());
        let mut segments: Vec<String> = Vec::new();
        if around.0 { segments.push("# first\na: 1\n---\n".to_owned()); }
        segments.push("kind: SealedSecret # é\nspec:\n encryptedData:\n".to_owned());
        let first = segments.len();
        for (line, _) in &entries {
            segments.push(line.text(indent));
            // Blank lines below such a value are its own.
            segments.push(if line.form.contains("|+") { String::new() } else { line.below.to_owned() });
        }
        if around.1 { segments.push(" template: {type: Opaque, data: {x: '{{ .k }}'}}\n---\nz: [1, 2] # end\n".to_owned()); }
        if bom { segments.insert(0, "\u{feff}".to_owned()); }
        let first = first + usize::from(bom);
        if crlf { for segment in &mut segments { *segment = segment.replace('\n', "\r\n"); } }
        let mut text = segments.concat();
        if cut_end && around.1 { text.truncate(text.trim_end().len()); }

        let documents = read_manifests(text.as_bytes(), &Limits::default()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let map = documents.iter().find_map(|document| document.root.at(&["spec", "encryptedData"])).expect("it is there");
        let mut splices = Splices::new(text.as_bytes());
        let refused = |error: bulla_yaml::SpliceError| TestCaseError::fail(format!("{error}\n{text}"));
        for (line, act) in &entries {
            match act {
                Act::Keep => {}
                Act::Set => splices.set_text(map.get(&line.key).expect("it is there"), "AgNEW=").map_err(refused)?,
                Act::Remove => splices.remove(map, &line.key).map_err(refused)?,
                Act::Rename => splices.rename(map, &line.key, &format!("R{}", line.key)).map_err(refused)?,
            }
        }
        let mut new = inserted;
        new.sort();
        new.dedup();
        for key in &new {
            splices.insert(map, key, &"AgINS=".into()).map_err(refused)?;
        }
        let edited = match splices.apply() {
            // Blank lines that come to stand behind such a value would belong to it.
            Err(bulla_yaml::SpliceError::Differs { .. }) if text.contains("|+") => return Ok(()),
            edited => edited.map_err(refused)?,
        };
        let edited = std::str::from_utf8(&edited).expect("UTF-8 stays UTF-8");

        // What no edit concerns is found in its order.
        let mut at = 0;
        for (index, segment) in segments.iter().enumerate() {
            let entry = index.checked_sub(first).map(|at| (at / 2, at % 2)).filter(|(at, _)| *at < entries.len());
            let mut expected = segment.clone();
            match entry {
                Some((entry, 0)) => match entries[entry].1 {
                    Act::Keep => {}
                    Act::Rename => expected = expected.replacen(&entries[entry].0.key, &format!("R{}", entries[entry].0.key), 1),
                    Act::Set | Act::Remove => continue,
                },
                // The map may have become `{}`.
                None if segment.contains("encryptedData") => { expected.truncate(expected.find("Data:").unwrap_or(0) + 5); }
                _ => {}
            }
            let expected = if index + 1 == segments.len() && cut_end { expected.trim_end() } else { &expected };
            let Some(next) = find(edited, expected, at) else {
                return Err(TestCaseError::fail(format!("{expected:?} is gone\n{text}\n--\n{edited}")));
            };
            at = next;
        }
        // And what is read is what was asked for, by a second way.
        let again = read_manifests(edited.as_bytes(), &Limits::default()).expect("it was read before");
        let now = again.iter().find_map(|document| document.root.at(&["spec", "encryptedData"])).expect("it is there");
        let mut keys = new.len();
        for (line, act) in &entries {
            let text = |key: &str| now.get(key).and_then(|node| node.as_str()).map(|text| text.trim_end().to_owned());
            match act {
                Act::Keep => prop_assert_eq!(text(&line.key), Some(line.value.clone())),
                Act::Set => prop_assert_eq!(text(&line.key), Some("AgNEW=".to_owned())),
                Act::Remove => { prop_assert_eq!(text(&line.key), None); continue; }
                Act::Rename => prop_assert_eq!(text(&format!("R{}", line.key)), Some(line.value.clone())),
            }
            keys += 1;
        }
        prop_assert_eq!(now.entries().map_or(0, <[_]>::len), keys);
        for key in &new {
            prop_assert_eq!(now.get(key).and_then(|node| node.as_str()), Some("AgINS="));
        }
    }

    /// Where the layout is regular, the edited text is the text of the edited map.
    #[test]
    fn a_regular_layout_stays_regular(
        entries in prop::collection::btree_map("k[a-z]{0,4}", ("[A-Za-z]{1,9}=", prop::sample::select(vec![Act::Keep, Act::Set, Act::Remove, Act::Rename])), 0..6),
        inserted in prop::collection::btree_set("v[a-z]{0,4}", 0..3),
        layout in prop::sample::select(LAYOUTS.to_vec()),
        crlf: bool,
    ) {
        let old: Vec<_> = entries.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect();
        let new: Vec<_> = entries
            .iter()
            .filter_map(|(key, (value, act))| match act {
                Act::Keep => Some((key.clone(), value.clone())),
                Act::Set => Some((key.clone(), "AgNEW=".to_owned())),
                Act::Rename => Some((format!("R{key}"), value.clone())),
                Act::Remove => None,
            })
            .chain(inserted.iter().map(|key| (key.clone(), "AgINS=".to_owned())))
            .collect();
        let lines = |text: String| if crlf { text.replace('\n', "\r\n") } else { text };
        let text = lines(layout.text(&old));
        let documents = read_manifests(text.as_bytes(), &Limits::default()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let map = documents[0].root.at(&["s", "m"]).expect("it is there");
        let mut splices = Splices::new(text.as_bytes());
        let refused = |error: bulla_yaml::SpliceError| TestCaseError::fail(format!("{error}\n{text}"));
        for (key, (_, act)) in &entries {
            match act {
                Act::Keep => {}
                Act::Set => splices.set_text(map.get(key).expect("it is there"), "AgNEW=").map_err(refused)?,
                Act::Remove => splices.remove(map, key).map_err(refused)?,
                Act::Rename => splices.rename(map, key, &format!("R{key}")).map_err(refused)?,
            }
        }
        for key in &inserted {
            splices.insert(map, key, &"AgINS=".into()).map_err(refused)?;
        }
        let edited = splices.apply().map_err(refused)?;
        prop_assert_eq!(String::from_utf8_lossy(&edited).into_owned(), lines(layout.text(&new)), "from {}", text);
    }

    #[test]
    fn an_edit_is_made_alone_or_refused(
        which in 0..CORPUS.len(),
        program in "[a-zA-Z0-9]{3,12}",
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..3usize, "[ \\n\\t:#'\"a0\\-\\[\\]{},&*!|>%@`?.\\\\<]{0,3}"), 0..5),
    ) {
        let mut text: Vec<char> = CORPUS[which].chars().collect();
        for (at, cut, insert) in damage {
            let at = at.index(text.len() + 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        fuzz::splices(format!("{program}\n{text}").as_bytes());
    }

    #[test]
    fn no_bytes_make_an_edit_panic(data in prop::collection::vec(any::<u8>(), 0..120)) {
        fuzz::splices(&data);
    }
}

const CORPUS: [&str; 7] = [
    "# c\nkind: SealedSecret\nmetadata: {name: a, labels: {b: 'c'}}\nspec:\n  encryptedData:\n    d: &x |\n      e\n     \n    g: AgB= # h\n    i: >-\n      AgC\n\n  template:\n    data: {}\n---\n- 1\n- a:\n  b: ~\n- - {x: y}\n  -\n...\n",
    "{\n  \"a\": [1, 2.5e3, null, true],\n  \"b\": {\"c\": \"d\", \"e\": {}},\n  \"f\": null\n}\n---\nx: !!binary aGVsbG8=\n? y\n: >+\n  a\n\n  b\n",
    "a: &a [b, *c, {? d : e}]\nx: &x {y: 1}\nz:\n  <<: *x\n  w: *x\n  <<: {v: u}\n",
    "\u{feff}a: 1\r\nb:\r\n  - c: ~\r\n    d: 0x1F\r\n# e\r\nf: |+\r\n  g\r\n\r\nh:\r\n",
    "a:\n  # b\n  c:\n  d: |\n  e: {f: , g, h: [i: j], }\n? k\n? !!str &l m\n: n",
    "{\"a\":{},\"b\":{\"c\":1,\"c\":2,\"d\":\"\\u00e9\"}}{\"x\":1}",
    "a: 'b\n\n  c'\nd: \"e\\\n  f\"\ng: h\n  i # j\nk:\n- |2\n   l\n- m\nn: {\n  o: p, # q\n  # r\n  s: t\n}",
];
