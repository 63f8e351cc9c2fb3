//! age plugins: programs named `age-plugin-NAME` on the path that hold keys of their own kind, in hardware or elsewhere.
//!
//! A plugin is a program that the user installed; what it says through the protocol is shown, what it prints elsewhere is nobody's
//! business.

use age::plugin::{Identity, IdentityPluginV1, Recipient, RecipientPluginV1};
use age::secrecy::SecretString;
use age::{Callbacks, DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};

use crate::io::output::to_stderr;
use crate::sops::keys::terminal;

/// The most of a plugin's words that an error repeats.
const MAX_MESSAGE: usize = 500;

/// Somebody whom only a plugin can encrypt to.
pub(super) struct PluginRecipient(Recipient);

impl PluginRecipient {
    /// Reads `age1NAME1…`.
    ///
    /// # Errors
    /// The real tool's words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let reason = || super::go::bech32(text).unwrap_or_else(|| "not a plugin recipient".to_owned());
        text.parse().map(Self).map_err(|_: &str| {
            format!("failed to parse input as age key from age plugin: invalid recipient encoding: {}", reason())
        })
    }

    /// Encrypts with the plugin.
    ///
    /// # Errors
    /// What the plugin says.
    pub(super) fn wrap(&self, part: &[u8]) -> Result<String, String> {
        let name = self.0.plugin();
        let failed = |error| format!("{name} plugin: {}", encrypting(name, &error));
        let plugin = RecipientPluginV1::new(name, std::slice::from_ref(&self.0), &[], Person(name.to_owned()));
        let plugin = plugin.map_err(failed)?;
        bulla_core::age::encrypt_armored(&plugin, part).map_err(failed)
    }
}

/// An identity that only a plugin can use. The program is started when a file is opened.
pub(super) struct PluginIdentity(Identity);

impl PluginIdentity {
    /// Reads `AGE-PLUGIN-NAME-1…`.
    ///
    /// # Errors
    /// A text without any part of the identity.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_: &str| "invalid identity encoding: invalid checksum".to_owned())
    }
}

impl age::Identity for PluginIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let name = self.0.plugin();
        let failed = |error: DecryptError| {
            DecryptError::Io(std::io::Error::other(format!("{name} plugin: {}", decrypting(name, &error))))
        };
        match IdentityPluginV1::new(name, std::slice::from_ref(&self.0), Person(name.to_owned())) {
            Ok(plugin) => Some(plugin.unwrap_stanzas(stanzas)?.map_err(failed)),
            Err(error) => Some(Err(failed(error))),
        }
    }
}

fn decrypting(name: &str, error: &DecryptError) -> String {
    match error {
        DecryptError::MissingPlugin { .. } => missing(name),
        DecryptError::Plugin(errors) => said(errors),
        DecryptError::Io(error) => broke_off(error),
        _ => "its answer is not understood".to_owned(),
    }
}

fn encrypting(name: &str, error: &EncryptError) -> String {
    match error {
        EncryptError::MissingPlugin { .. } => missing(name),
        EncryptError::Plugin(errors) => said(errors),
        EncryptError::Io(error) => broke_off(error),
        _ => "its answer is not understood".to_owned(),
    }
}

fn missing(name: &str) -> String {
    format!(
        "couldn't start plugin: {name:?} plugin not found: exec: \"age-plugin-{name}\": executable file not found in $PATH"
    )
}

fn broke_off(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => format!("couldn't start plugin: {}", crate::report::os_error(error)),
        None => "it broke off or does not speak the protocol of age plugins".to_owned(),
    }
}

/// What a plugin says through the protocol is meant for the person.
fn said<E: std::fmt::Display>(errors: &[E]) -> String {
    let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    // The library sets quotations apart by invisible marks.
    let shown = text.chars().filter(|character| !('\u{2066}'..='\u{2069}').contains(character));
    shown.flat_map(char::escape_debug).take(MAX_MESSAGE).collect()
}

/// The person at the terminal, on behalf of a plugin.
#[derive(Clone)]
struct Person(String);

impl Callbacks for Person {
    fn display_message(&self, message: &str) {
        let message: String = message.escape_debug().take(MAX_MESSAGE).collect();
        to_stderr(&format!("age: {} plugin: {message}\n", self.0));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let message = message.escape_debug();
        let Some(no) = no else {
            let answer = terminal::line(&format!("{message} (press enter for {yes:?})"));
            return answer.ok().map(|_| true);
        };
        loop {
            match terminal::line(&format!("{message} (press [1] for {yes:?} or [2] for {no:?})")).ok()?.as_str() {
                "1" => return Some(true),
                "2" => return Some(false),
                _ => {}
            }
        }
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        terminal::line(&description.escape_debug().to_string()).ok()
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let answer = terminal::secret(&description.escape_debug().to_string()).ok()?;
        Some(SecretString::from(answer.as_str().to_owned()))
    }
}
