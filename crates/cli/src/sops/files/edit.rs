//! `bulla edit` on sops files: the plain text in the user's editor; what is not touched keeps its ciphertext and its layout.

use std::io::IsTerminal as _;
use std::path::Path;

use bulla_core::sops::Format;
use zeroize::Zeroizing;

use super::{SopsFile, work};
use crate::edit::editor::{self, Ended, Signals};
use crate::edit::place::Private;
use crate::io::{Console, input};
use crate::report::{Code, Exit, Report, Result, os_error};
use crate::sops::trust::{self, Keys, Opened, Trust};

/// Runs the command, if the file is one of sops.
pub(crate) fn run(path: &Path, console: Console) -> Result<Option<Exit>> {
    if !path.is_file() {
        return Ok(None);
    }
    let Some(file) = super::read(path)? else { return Ok(None) };
    let on_terminal = std::io::stdin().is_terminal();
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let first = variable("SOPS_EDITOR").or_else(|| variable("VISUAL"));
    let command = editor::choose(first, variable("EDITOR"), on_terminal)?;
    // Everything that may fail comes before the editor, so that nobody types for nothing.
    let opened = trust::open(&file, &Keys::new()?, Trust::default())?;
    let text = work::plain_text(&file, &opened, console)?;
    Ok(Some(match edited(&file, &opened, &text, &command, on_terminal, console)? {
        Edited::Sealed(bytes) if *bytes != **file.bytes => {
            file.replace(&bytes)?;
            console.note(&format!("{}: written; what did not change keeps its ciphertext", file.name()));
            Exit::Done
        }
        Edited::Sealed(_) | Edited::Unchanged => {
            console.note(&format!("{}: nothing has changed, so nothing was written", file.name()));
            Exit::Done
        }
        Edited::Interrupted => {
            console.note(&format!("{}: interrupted, nothing was written", file.name()));
            Exit::Interrupted
        }
    }))
}

enum Edited {
    Sealed(Vec<u8>),
    Unchanged,
    Interrupted,
}

/// The editor, again and again until the text can be sealed or is left as it is.
fn edited(
    file: &SopsFile,
    opened: &Opened,
    original: &[u8],
    command: &str,
    on_terminal: bool,
    console: Console,
) -> Result<Edited> {
    let mut signals = Signals::hold()?;
    let private = Private::new()?;
    crate::edit::remove_at_panic(private.folder());
    let name = file.path.file_name().map_or_else(|| "secret".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut shown = Zeroizing::new(original.to_vec());
    let mut was_refused = false;
    loop {
        let path = private.write(&name, &shown)?;
        if signals.edit(command, &path)? == Ended::Interrupted || signals.is_told_to_end() {
            return Ok(Edited::Interrupted);
        }
        let text = input::read_file(&path).map_err(|error| {
            Report::new(Code::EditorFails, format!("the editor left no file to read: {}", os_error(&error)))
                .hint("nothing was changed; leave the editor by saving the file under its own name")
        })?;
        let is_empty = file.format != Format::Binary && text.trim_ascii().is_empty();
        if is_empty || *text == original {
            return Ok(Edited::Unchanged);
        }
        let is_same_as_refused = was_refused && *text == *shown;
        let problem = match work::with_text(file, opened, &text) {
            Ok(bytes) => return Ok(Edited::Sealed(bytes)),
            Err(problem) => problem,
        };
        if !on_terminal || is_same_as_refused {
            return Err(problem);
        }
        console.report(&problem);
        console.note("the editor opens again; leave the text as it is to give up");
        shown = text;
        was_refused = true;
    }
}
