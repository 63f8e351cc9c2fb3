//! What holds for a whole run: the configuration file, the indent, and the formats that follow from them and from names.

use std::path::{Path, PathBuf};

use bulla_core::sops::{Format, Indents};

use super::allow::Allow;
use super::commands::Formats;
use super::config::Config;
use super::failure::Failure;
use super::log;

/// From the flags before a command.
#[derive(Default)]
pub(crate) struct Settings {
    /// `--config` or `SOPS_CONFIG`; `None`: it is looked for.
    pub(crate) config: Option<PathBuf>,
    /// `--indent`
    pub(crate) indent: Option<i64>,
    /// `--allow-…`, of the command itself
    pub(crate) allow: Allow,
}

impl Settings {
    /// The configuration file, if there is one.
    pub(crate) fn load(&self) -> Result<Option<Config>, Failure> {
        let flag = self.config.as_deref().map(Path::to_string_lossy);
        Config::load(flag.as_deref(), &mut |warning| log::warn("CMD", warning))
    }

    /// The formats of a file at `path`, whose types may be given by words.
    pub(crate) fn formats(
        &self,
        config: Option<&Config>,
        path: &Path,
        input: &str,
        output: &str,
    ) -> Result<Formats, Failure> {
        let by_name = |word: &str| Format::from_word(word).unwrap_or_else(|| Format::of_path(&path.to_string_lossy()));
        let mut indents = config.map_or_else(Indents::default, Config::indents);
        if let Some(indent) = self.indent {
            let number =
                i32::try_from(indent).map_err(|_| Failure::generic(format!("--indent {indent}: too large")))?;
            indents.json = number;
            indents.binary = number;
            // The YAML store has no tabs: what is below 0 is refused when it comes to writing YAML.
            indents.yaml = usize::try_from(number).unwrap_or(usize::MAX);
        }
        Ok(Formats { input: by_name(input), output: by_name(output), indents, allow: self.allow })
    }
}
