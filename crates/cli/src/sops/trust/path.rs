//! The path of a file in its repository, as a second seal records it.

use std::path::Path;

use bulla_core::sops::second_seal;

use crate::report::{Code, Report, Result};
use crate::sops::files::SopsFile;

/// The path from the root of the repository that a file lies in, with `/`; outside of any, its name.
pub(crate) fn in_repository(file: &Path) -> Option<String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let folder = folder.canonicalize().ok()?;
    let name = file.file_name()?;
    // A work tree's root has a `.git`: a folder, or a file in a linked one.
    let root = folder.ancestors().find(|folder| folder.join(".git").exists());
    let inside = match root {
        Some(root) => folder.strip_prefix(root).ok()?.join(name),
        None => name.into(),
    };
    let parts: Option<Vec<&str>> = inside.components().map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

/// The file lies where it was sealed.
pub(super) fn check(file: &SopsFile) -> Result<()> {
    let recorded = second_seal::recorded_path(&file.metadata);
    if recorded.is_some() && recorded == in_repository(&file.path) {
        return Ok(());
    }
    let recorded = recorded.unwrap_or_else(|| "nowhere in particular".to_owned());
    Err(Report::new(Code::SealBroken, format!("{}: bound to another name: it was sealed as {recorded}", file.name()))
        .hint("if the file was moved on purpose: bulla reseal --seal FILE seals it where it is now"))
}
