//! The metadata of a new file: keys and selectors from flags, and from `.sops.yaml` where the flags say nothing.

use std::path::PathBuf;

use bulla_core::sops::{Format, Metadata, Selector};

use super::config::{Config, Creation, KeyFlags};
use super::failure::{Failure, code};
use super::log;
use super::version::OURS;

const NO_KEYS: &str =
    "config file not found, or has no creation rules, and no keys provided through command line options";

/// The flags that say how a new file is encrypted. Empty texts are flags that were not given.
#[derive(Clone, Debug, Default)]
pub(crate) struct CreationFlags {
    pub(crate) kms: String,
    pub(crate) gcp_kms: String,
    pub(crate) hckms: String,
    pub(crate) azure_kv: String,
    pub(crate) hc_vault_transit: String,
    pub(crate) pgp: String,
    pub(crate) age: String,
    pub(crate) aws_profile: String,
    pub(crate) encryption_context: String,
    pub(crate) unencrypted_suffix: String,
    pub(crate) encrypted_suffix: String,
    pub(crate) unencrypted_regex: String,
    pub(crate) encrypted_regex: String,
    pub(crate) unencrypted_comment_regex: String,
    pub(crate) encrypted_comment_regex: String,
    pub(crate) mac_only_encrypted: bool,
    pub(crate) shamir_threshold: i64,
}

/// A file that is to be made.
pub(crate) struct NewFile {
    /// The flags.
    pub(crate) flags: CreationFlags,
    /// The configuration, if there is one.
    pub(crate) config: Option<Config>,
    /// The absolute path that the rules of the config are held against.
    pub(crate) path: PathBuf,
    /// The encryption context for KMS keys of rules: the older form of the command line has one, commands have none.
    pub(crate) rule_context: Vec<(String, String)>,
    /// The format that the plaintext is in.
    pub(crate) input: Format,
}

impl NewFile {
    /// What the configuration says for this path; nothing if there is none or it has no rules.
    pub(crate) fn rule(&self) -> Result<Option<Creation>, Failure> {
        self.config.as_ref().map_or(Ok(None), |config| config.creation_for(&self.path, &self.rule_context))
    }

    /// The metadata, without wrapped keys, MAC and time.
    pub(crate) fn metadata(&self) -> Result<Metadata, Failure> {
        let rule = self.rule()?;
        let selectors = self.flags.selectors(rule.as_ref().and_then(|rule| rule.selector.as_ref()));
        let mut mac_only_encrypted =
            self.flags.mac_only_encrypted || rule.as_ref().is_some_and(|rule| rule.mac_only_encrypted);
        let selector = if self.input == Format::Binary {
            selectors.iter().for_each(warn_about_binary);
            mac_only_encrypted = false;
            Selector::none()
        } else {
            one_of(selectors)?
        };
        let threshold = match (self.flags.shamir_threshold, &rule) {
            (0, Some(rule)) => i64::try_from(rule.shamir_threshold).unwrap_or(i64::MAX),
            (given, _) => given,
        };
        let groups = match (KeyFlags::from(&self.flags).group()?, rule) {
            (Some(group), _) => vec![group],
            (None, Some(rule)) => rule.groups,
            (None, None) => return Err(Failure::generic(NO_KEYS)),
        };
        Ok(Metadata {
            groups,
            shamir_threshold: threshold_of(threshold)?,
            last_modified: String::new(),
            mac: String::new(),
            selector,
            mac_only_encrypted,
            version: OURS.to_owned(),
            extension: None,
            unknown: Vec::new(),
        })
    }
}

/// The threshold as the metadata has it.
pub(crate) fn threshold_of(number: i64) -> Result<u32, Failure> {
    u32::try_from(number).map_err(|_| {
        Failure::new(code::CONFLICT, format!("--shamir-secret-sharing-threshold {number}: no number of key groups"))
    })
}

/// A kind of selector, to be made of its text.
type Kind = fn(String) -> Selector;

impl CreationFlags {
    /// The selectors that hold: those of the flags, and that of the rule unless there is a flag of its kind.
    fn selectors(&self, rule: Option<&Selector>) -> Vec<Selector> {
        let flags: [(&String, Kind); 6] = [
            (&self.unencrypted_suffix, Selector::UnencryptedSuffix),
            (&self.encrypted_suffix, Selector::EncryptedSuffix),
            (&self.encrypted_regex, Selector::EncryptedRegex),
            (&self.unencrypted_regex, Selector::UnencryptedRegex),
            (&self.encrypted_comment_regex, Selector::EncryptedCommentRegex),
            (&self.unencrypted_comment_regex, Selector::UnencryptedCommentRegex),
        ];
        let mut selectors: Vec<Selector> = flags
            .into_iter()
            .filter(|(text, _)| !text.is_empty())
            .map(|(text, selector)| selector(text.clone()))
            .collect();
        let same = |a: &Selector, b: &Selector| std::mem::discriminant(a) == std::mem::discriminant(b);
        selectors.extend(rule.filter(|rule| !selectors.iter().any(|given| same(given, rule))).cloned());
        selectors
    }
}

fn one_of(selectors: Vec<Selector>) -> Result<Selector, Failure> {
    let mut selectors = selectors.into_iter();
    match (selectors.next(), selectors.next()) {
        (Some(selector), None) => Ok(selector),
        (None, _) => Ok(Selector::default()),
        _ => Err(Failure::new(
            code::CONFLICT,
            "Error: cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, \
             encrypted_comment_regex, or unencrypted_comment_regex in the same file",
        )),
    }
}

/// A whole file has one value, which is always encrypted.
fn warn_about_binary(selector: &Selector) {
    let (what, why) = match selector {
        Selector::UnencryptedSuffix(_) => ("an unencrypted suffix", "produces one key that should always be encrypted"),
        Selector::EncryptedSuffix(_) => ("an encrypted suffix", "produces one key that should always be encrypted"),
        Selector::EncryptedRegex(_) => ("an encrypted regex", "produces one key that should always be encrypted"),
        Selector::UnencryptedRegex(_) => ("an unencrypted regex", "produces one key that should always be encrypted"),
        Selector::EncryptedCommentRegex(_) => ("an encrypted comment regex", "never produces comments"),
        Selector::UnencryptedCommentRegex(_) => return,
    };
    log::warn(
        "CMD",
        &format!("Using {what} does not make sense with the input store (the binary store {why}) and will be ignored."),
    );
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    fn file(flags: CreationFlags, input: Format) -> NewFile {
        NewFile { flags, config: None, path: "/x/y.yaml".into(), rule_context: Vec::new(), input }
    }

    #[test]
    fn flags_make_metadata() {
        let age = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";
        let flags = CreationFlags {
            age: age.to_owned(),
            encrypted_regex: "^data$".to_owned(),
            mac_only_encrypted: true,
            ..CreationFlags::default()
        };
        let metadata = file(flags.clone(), Format::Yaml).metadata().unwrap();
        assert_eq!(metadata.groups[0].keys[0].source.identity(), age);
        assert_eq!(metadata.selector, Selector::EncryptedRegex("^data$".to_owned()));
        assert!(metadata.mac_only_encrypted);
        assert_eq!((metadata.version.as_str(), metadata.shamir_threshold), ("3.13.3", 0));
        let metadata = file(flags, Format::Binary).metadata().unwrap();
        assert_eq!((metadata.selector, metadata.mac_only_encrypted), (Selector::none(), false));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = |flags: CreationFlags| file(flags, Format::Yaml).metadata().err().unwrap();
        let none = refused(CreationFlags::default());
        assert_eq!((none.code, none.text.as_str()), (1, NO_KEYS));
        let several = CreationFlags {
            encrypted_regex: "a".to_owned(),
            unencrypted_suffix: "b".to_owned(),
            ..CreationFlags::default()
        };
        assert_eq!(refused(several).code, 8);
        let context = CreationFlags { encryption_context: "x".to_owned(), ..CreationFlags::default() };
        assert_eq!(refused(context).text, "Invalid KMS encryption context format");
        let threshold = CreationFlags { shamir_threshold: -1, pgp: "00".to_owned(), ..CreationFlags::default() };
        assert_eq!(refused(threshold).code, 8);
    }

    #[test]
    fn a_flag_takes_the_place_of_the_rules_selector_of_its_kind() {
        let flags = CreationFlags { encrypted_regex: "a".to_owned(), ..CreationFlags::default() };
        let rule = Selector::EncryptedRegex("b".to_owned());
        assert_eq!(flags.selectors(Some(&rule)), [Selector::EncryptedRegex("a".to_owned())]);
        let rule = Selector::EncryptedSuffix("b".to_owned());
        assert_eq!(flags.selectors(Some(&rule)).len(), 2);
        assert_eq!(CreationFlags::default().selectors(Some(&rule)), [rule]);
    }
}
