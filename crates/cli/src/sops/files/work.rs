//! What all verbs do with a sops file: its plain text, and its bytes after a change.

use bulla_core::sops::layout::{self, Before, Change, Sealing};
use bulla_core::sops::second_seal::{self, Context};
use bulla_core::sops::{Format, Indents, Metadata, Tree, encrypt};
use zeroize::Zeroizing;

use super::{SopsFile, explain};
use crate::io::Console;
use crate::report::{Code, Report, Result};
use crate::sops::trust::{Opened, path};

/// The plain file: in its own layout, or if that cannot be, in that of sops.
pub(super) fn plain_text(file: &SopsFile, opened: &Opened, console: Console) -> Result<Zeroizing<Vec<u8>>> {
    if file.format != Format::Binary {
        match layout::open(file.format, &file.bytes, &opened.tree) {
            Ok(text) => return Ok(text),
            Err(error) => {
                console.note(&format!("{}: {error}; it is shown in the layout of sops", file.name()));
            }
        }
    }
    emit(file, &opened.tree)
}

fn emit(file: &SopsFile, tree: &Tree) -> Result<Zeroizing<Vec<u8>>> {
    file.format.emit_plain(tree, Indents::default()).map_err(|error| explain::sops(&file.name(), &error))
}

/// The bytes of a file after changes; none if there is nothing to change.
pub(super) fn changed(file: &SopsFile, opened: &Opened, changes: Vec<Change>) -> Result<Option<Vec<u8>>> {
    if file.format == Format::Binary {
        return Err(Report::new(
            Code::SopsBadPath,
            format!("{}: the file is encrypted as a whole, there are no keys in it", file.name()),
        )
        .hint(format!("bulla edit {0}; or seal the new content: bulla seal NEW -w {0}", file.name())));
    }
    let mut metadata = opened.metadata.clone();
    let repository = path::in_repository(&file.path);
    let sealing = sealing(opened, repository.as_deref());
    let before = Before { text: &file.bytes, plain: &opened.tree };
    layout::change(file.format, &before, changes, &mut metadata, &sealing)
        .map_err(|error| explain::layout(&file.name(), &error))
}

/// The bytes of a file whose plain text is another one now.
pub(super) fn with_text(file: &SopsFile, opened: &Opened, text: &[u8]) -> Result<Vec<u8>> {
    let mut metadata = opened.metadata.clone();
    let repository = path::in_repository(&file.path);
    let sealing = sealing(opened, repository.as_deref());
    let name = file.name();
    if file.format == Format::Binary {
        return whole(text, &mut metadata, &sealing).map_err(|error| explain::sops(&name, &error));
    }
    let before = Before { text: &file.bytes, plain: &opened.tree };
    layout::add(file.format, text, &mut metadata, &sealing, Some(&before))
        .map_err(|error| explain::layout(&name, &error))
}

/// The envelope of a file that is encrypted as a whole.
pub(super) fn whole(
    text: &[u8],
    metadata: &mut Metadata,
    sealing: &Sealing<'_>,
) -> std::result::Result<Vec<u8>, bulla_core::sops::Error> {
    let tree = Format::Binary.load_plain(text)?;
    in_layout_of_sops(Format::Binary, tree, metadata, sealing)
}

/// As sops writes it.
pub(super) fn in_layout_of_sops(
    format: Format,
    mut tree: Tree,
    metadata: &mut Metadata,
    sealing: &Sealing<'_>,
) -> std::result::Result<Vec<u8>, bulla_core::sops::Error> {
    if let Some(now) = sealing.now {
        now.clone_into(&mut metadata.last_modified);
    }
    let mac = encrypt(&mut tree, sealing.key, metadata, sealing.nonces)?;
    metadata.set_mac(sealing.key, &mac)?;
    let bytes = format.emit_encrypted(tree, metadata, Indents::default())?;
    crate::sops::trust::with_seal(format, &bytes, sealing.key, sealing.context)
}

/// A change keeps the time that the file has: it is when the file was encrypted, Git knows when it was changed, and one line less
/// of each change is one less in the way of merges.
fn sealing<'a>(opened: &'a Opened, repository: Option<&'a str>) -> Sealing<'a> {
    let clear_comments = second_seal::states_clear_comments(&opened.metadata);
    Sealing {
        key: &opened.key,
        nonces: &opened.nonces,
        now: None,
        context: Context { path: repository, clear_comments },
    }
}

/// Now, as metadata has it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
