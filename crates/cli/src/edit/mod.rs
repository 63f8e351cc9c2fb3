//! `bulla edit FILE`: the values of sealed files in the user's editor.
//!
//! What can be read (with recovery keys, or from the cluster) is shown; the rest are placeholders. Only values that were
//! changed are sealed anew, by splicing, so that every other byte of the file stays.
//!
//! Which way the data goes: `subjects` opens what can be opened, `text` makes it a text and reads it back, `place` has the
//! text in memory and never on a disk, `editor` runs the editor and is there when a signal comes, `apply` puts the wishes
//! into the file.

mod apply;
pub(crate) mod editor;
pub(crate) mod place;
mod subjects;
mod text;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use bulla_core::mac::MacKey;
use zeroize::Zeroizing;

use self::editor::{Ended, Signals};
use self::place::Private;
use self::text::{Session, Wishes};
use crate::cert::{self, CertificateChoice, Chosen};
use crate::io::{Console, Source, input};
use crate::memory::Memory;
use crate::memory::live::Ask;
use crate::report::{Code, Exit, Report, Result, chain, os_error};

/// What to edit, and with what.
#[derive(Debug)]
pub(crate) struct Options {
    /// The sealed file.
    pub(crate) file: PathBuf,
    /// Private keys, or backups of key Secrets, that open values.
    pub(crate) keys: Vec<Source>,
    /// The cluster that may be asked for values.
    pub(crate) cluster: Option<Ask>,
    /// What changed values are sealed with.
    pub(crate) certificate: CertificateChoice,
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    if let Some(exit) = crate::sops::files::edit::run(&options.file, console)? {
        return Ok(exit);
    }
    let on_terminal = std::io::stdin().is_terminal();
    let variable = |name: &str| std::env::var(name).ok();
    let editor = editor::choose(variable("VISUAL"), variable("EDITOR"), on_terminal)?;
    let file = crate::tree::read(&options.file)?;
    let sealed = crate::update::sealed_objects(&file)?;
    if sealed.is_empty() {
        return Err(Report::new(Code::NothingThere, format!("{}: there is no SealedSecret in it", file.name()))
            .hint("name a file with SealedSecrets; plain Secrets are sealed by: bulla seal FILE -w SEALED-FILE"));
    }
    if let Some(sealed) = sealed.iter().find(|sealed| sealed.deprecated.is_some()) {
        return Err(crate::update::deprecated(&file, sealed));
    }
    // Everything that may fail comes before the editor, so that nobody types for nothing.
    let Chosen { certificate, .. } = cert::choose_for(&options.certificate, Some(&options.file), console)?;
    let mut memory = Memory::open(&options.file)?;
    let subjects = subjects::read(&file, &sealed, options, console)?;
    let session = Session::new(subjects, random_word()?);

    let wishes = match edit(&session, &editor, on_terminal, console)? {
        Edited::Wishes(wishes) => wishes,
        Edited::Unchanged => {
            console.note(&format!("{}: nothing has changed, so nothing was written", file.name()));
            return Ok(Exit::Done);
        }
        Edited::Interrupted => {
            console.note(&format!("{}: interrupted, nothing was written", file.name()));
            return Ok(Exit::Interrupted);
        }
    };
    let edited = apply::apply(&file, &sealed, &session, wishes, &certificate, memory.as_mut(), console)?;
    let Some(text) = edited else {
        console.note(&format!("{}: nothing has changed, so nothing was written", file.name()));
        return Ok(Exit::Done);
    };
    file.replace(&text)?;
    if let Some(memory) = memory {
        memory.save(console);
    }
    Ok(Exit::Done)
}

enum Edited {
    Wishes(Vec<Wishes>),
    Unchanged,
    Interrupted,
}

/// The editor, again and again until the text can be read or is left as it is.
fn edit(session: &Session, editor: &str, on_terminal: bool, console: Console) -> Result<Edited> {
    let mut signals = Signals::hold()?;
    let private = Private::new()?;
    remove_at_panic(private.folder());
    let original = session.text();
    let mut shown = Zeroizing::new(original.as_bytes().to_vec());
    let mut last_problem = None;
    loop {
        let path = private.write("secret.yaml", &shown)?;
        if signals.edit(editor, &path)? == Ended::Interrupted || signals.is_told_to_end() {
            return Ok(Edited::Interrupted);
        }
        let text = input::read_file(&path).map_err(|error| {
            Report::new(Code::EditorFails, format!("the editor left no file to read: {}", os_error(&error)))
                .hint("nothing was changed; leave the editor by saving the file under its own name")
        })?;
        if text::is_empty(&text) || text.as_slice() == original.as_bytes() {
            return Ok(Edited::Unchanged);
        }
        if *text == *shown
            && let Some(problem) = last_problem
        {
            return Err(mistake(problem));
        }
        let problem = match session.parse(&text) {
            Ok(wishes) => return Ok(Edited::Wishes(wishes)),
            Err(problem) => problem,
        };
        if !on_terminal {
            return Err(mistake(problem));
        }
        console.warn(&format!("the edited text cannot be used: {problem}"));
        shown = text::with_problem(&text, &problem);
        last_problem = Some(problem);
    }
}

fn mistake(problem: String) -> Report {
    Report::new(Code::EditedText, format!("the edited text cannot be used: {problem}"))
        .hint("nothing was changed; run the command again")
}

/// Where a panic ends the process at once, nothing is dropped.
pub(crate) fn remove_at_panic(folder: &Path) {
    let folder = folder.to_owned();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        place::wipe(&folder);
        before(info);
    }));
}

/// Words of eight hexadecimal digits.
fn random_word() -> Result<impl FnMut() -> String> {
    let mut bytes = MacKey::random_bytes().map_err(|error| Report::new(Code::Internal, chain(&error)))?;
    Ok(move || {
        let word: String = bytes[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.rotate_left(4);
        word
    })
}

/// A key in a message: short, and harmless.
fn shown_key(key: &str) -> String {
    key.chars().take(63).flat_map(char::escape_debug).collect()
}
