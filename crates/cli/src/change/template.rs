//! What `spec.template.data` says about a key: told to the author, never decided upon.

use bulla_yaml::{Entry, Value};

use crate::tree::Sealed;

/// The keys of the templates that speak of the item `key` inside of `{{ }}`. Looks at words, not at meaning: a template that
/// builds the name while it runs is not found.
pub(super) fn that_mention<'a>(sealed: &Sealed<'a>, key: &str) -> Vec<&'a str> {
    let mentions = |entry: &&Entry| entry.value.as_str().is_some_and(|text| mentions(text, key));
    entries(sealed).iter().filter(mentions).map(|entry| entry.key.as_str()).collect()
}

/// The keys of the templates.
pub(super) fn names<'a>(sealed: &Sealed<'a>) -> Vec<&'a str> {
    entries(sealed).iter().map(|entry| entry.key.as_str()).collect()
}

/// What the templates do to an item of this name. The item wins over a template; null takes it out (sealed-secrets 5).
pub(super) fn about_new_key(sealed: &Sealed<'_>, key: &str) -> Option<String> {
    let entry = entries(sealed).iter().find(|entry| entry.key == key)?;
    Some(match entry.value.value {
        Value::Null => format!("spec.template.data.{key} is null, which takes the key out of the Secret"),
        _ => format!("spec.template.data.{key} is there, too; the sealed value wins over it"),
    })
}

fn entries<'a>(sealed: &Sealed<'a>) -> &'a [Entry] {
    let data = sealed.object.node.at(&["spec", "template", "data"]);
    data.and_then(bulla_yaml::Node::entries).unwrap_or_default()
}

fn mentions(text: &str, key: &str) -> bool {
    let in_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    text.split("{{").skip(1).any(|rest| {
        let action = rest.split_once("}}").map_or(rest, |(action, _)| action);
        action.match_indices(key).any(|(at, _)| {
            let (before, after) = (&action[..at], &action[at + key.len()..]);
            !before.ends_with(in_name) && !after.starts_with(in_name)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_mention_is_a_whole_word_inside_an_action() {
        for text in [
            "{{ .user }}",
            "a {{.user}}",
            "{{ index . \"user\" | b64enc }}",
            "{{ `user` }}",
            "{{ if .user",
            "}}{{ .x }}{{ .user }}",
        ] {
            assert!(mentions(text, "user"), "{text}");
        }
        for text in
            ["user", "{{ .username }}", "{{ .x }} user {{ .y }}", "{{ .db_user }}", "{{ .the-user }}", "{ .user }"]
        {
            assert!(!mentions(text, "user"), "{text}");
        }
        assert!(mentions("{{ index . \"tls.crt\" }}", "tls.crt"));
    }
}
