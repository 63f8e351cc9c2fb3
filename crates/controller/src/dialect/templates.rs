//! From core's question about templates to `bulla-gotemplate`'s answer. Both crates know nothing of each other.

use std::collections::BTreeMap;

use bulla_core::sealed::{Rendered, TemplateErrors};
use bulla_core::secret::SecretBytes;
use bulla_gotemplate::{Budget, Error, render};

/// Renders `spec.template.data`, within the default budget; docs/templates.md has its limits. May take seconds, so it is
/// for a thread that may block. The errors name key, position and function, and never hold a value.
///
/// # Errors
/// [`TemplateErrors`], one for each template that fails.
pub fn render_templates(
    templates: &BTreeMap<String, Option<String>>,
    items: &BTreeMap<String, &[u8]>,
) -> Result<Rendered, TemplateErrors> {
    match render(templates, items, &Budget::default()) {
        Ok(rendered) => Ok(Rendered {
            outputs: rendered.outputs.into_iter().map(|(key, output)| (key, SecretBytes::from(output))).collect(),
            varying: rendered.varying,
        }),
        Err(errors) => Err(TemplateErrors {
            out_of_time: errors.0.values().any(|error| matches!(error, Error::Budget { limit: "time", .. })),
            errors: errors.0.into_iter().map(|(key, error)| (key, error.to_string())).collect(),
        }),
    }
}
