//! The strict reading of the file.

use std::path::Path;

use super::Config;
use crate::report::{Code, Report, Result};

/// Reads the file, with errors for people.
pub(super) fn read(path: &Path) -> Result<Config> {
    let name = path.display();
    let bytes = super::find::read(path).map_err(|reason| Report::new(Code::ReadFile, format!("{name}: {reason}")))?;
    Config::parse(path, &bytes).map_err(|text| Report::new(Code::ReadFile, format!("{name}: {text}")))
}

pub(super) fn check(_config: &Config) -> Result<()> {
    Ok(())
}
