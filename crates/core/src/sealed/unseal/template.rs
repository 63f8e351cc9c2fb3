//! The second step: the templates run, and their outputs join the items.
//!
//! What renders is the caller's ([`Renderer`]; `bulla-gotemplate` in the product, which this crate does not know). What
//! becomes of an output is decided here (sealed-secrets 5): an item wins over a template of its key, and null takes an item
//! out of the Secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::open::OpenedSecret;
use super::{UnsealError, UnsealedSecret};
use crate::secret::SecretBytes;

/// Runs every template that is not null, by key, on the decrypted items.
pub type Renderer<'a> =
    dyn Fn(&BTreeMap<String, Option<String>>, &BTreeMap<String, &[u8]>) -> Result<Rendered, TemplateErrors> + 'a;

/// What the templates of one object came to.
#[derive(Default)]
pub struct Rendered {
    /// The output of each template that is not null, by key.
    pub outputs: BTreeMap<String, SecretBytes>,
    /// The keys of the templates that would come out otherwise the next time.
    pub varying: BTreeSet<String>,
}

/// Why templates fail. Who renders vouches that no text holds a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateErrors {
    /// The error of each template that fails, by key.
    pub errors: BTreeMap<String, String>,
    /// Whether time ran out: on a machine with less to do it may work.
    pub out_of_time: bool,
}

/// One error to a line, each with its key behind it, in the order of the keys (sealed-secrets 4.2).
impl fmt::Display for TemplateErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, error)) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error} ({key})")?;
        }
        Ok(())
    }
}

impl OpenedSecret {
    /// Whether there is a template to run. If not, [`OpenedSecret::render`] costs nothing and cannot fail.
    pub fn has_templates(&self) -> bool {
        self.templates.values().any(Option::is_some)
    }

    /// The Secret, with what `render` makes of the templates.
    ///
    /// # Errors
    /// [`UnsealError::Templates`] when a template fails, also one whose output would be dropped.
    pub fn render(self, render: &Renderer<'_>) -> Result<UnsealedSecret, UnsealError> {
        let mut rendered = Rendered::default();
        if self.has_templates() {
            let items = self.secret.data.iter().map(|(key, value)| (key.clone(), value.expose())).collect();
            rendered = render(&self.templates, &items).map_err(UnsealError::Templates)?;
        }
        let Self { mut secret, templates } = self;
        for (key, template) in templates {
            if template.is_none() {
                secret.data.remove(&key);
            } else if !secret.data.contains_key(&key) {
                let output = rendered.outputs.remove(&key).ok_or_else(|| UnsealError::Templates(lost(&key)))?;
                secret.data.insert(key.clone(), output);
                if rendered.varying.contains(&key) {
                    secret.varying.insert(key);
                }
            }
        }
        Ok(secret)
    }
}

/// A renderer that says nothing about a template must not make it a Secret without that item.
fn lost(key: &str) -> TemplateErrors {
    let error = format!("template: {key}: was not rendered");
    TemplateErrors { errors: BTreeMap::from([(key.to_owned(), error)]), out_of_time: false }
}
