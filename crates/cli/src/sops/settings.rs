//! What holds for a whole run: the configuration file, the indent, and the formats that follow from them and from names.

use std::path::{Path, PathBuf};

use bulla_core::sops::{Format, Indents};

use super::allow::Allow;
use super::commands::Formats;
use super::config::Config;
use super::failure::{Failure, code};
use super::log;

/// More would only take up space.
const MAX_INDENT: i32 = 1000;

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
            if !(-1..=MAX_INDENT).contains(&number) {
                return Err(Failure::generic(format!("--indent {indent}: from -1 to {MAX_INDENT}")));
            }
            if number < 0 && by_name(output) == Format::Yaml {
                return Err(Failure::new(code::DUMP, "Error dumping file: YAML Negative indentation not accepted"));
            }
            indents.json = number;
            indents.binary = number;
            indents.yaml = usize::try_from(number).ok().filter(|indent| *indent > 0).unwrap_or(indents.yaml);
        }
        Ok(Formats { input: by_name(input), output: by_name(output), indents, allow: self.allow })
    }
}
