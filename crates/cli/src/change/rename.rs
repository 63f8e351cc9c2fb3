//! `bulla rename`: a key of a SealedSecret gets another name.
//!
//! The ciphertext is bound to scope, namespace and name of the SealedSecret, not to the key of the item (sealed-secrets 2.1),
//! so it moves as it is: neither key nor certificate is needed, and the value stays what it was.

use bulla_yaml::Splices;

use super::{Which, file, template};
use crate::io::Console;
use crate::report::{Code, Report, Result, bad_splice};

/// What to rename.
#[derive(Debug)]
pub(crate) struct Options {
    /// Which SealedSecret.
    pub(crate) which: Which,
    /// The present name of the key.
    pub(crate) old: String,
    /// The new one.
    pub(crate) new: String,
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    if crate::sops::files::change::rename(options, console)? {
        return Ok(());
    }
    let Options { which, old, new } = options;
    file::check_key_name(new)?;
    let file = file::open(which, console)?;
    let sealed = file::pick(&file, which)?;
    file::refuse_deprecated(&file, &sealed)?;
    let at = format!("{}: {}", file.name(), sealed.id());
    let data = sealed.data().filter(|data| data.get(old).is_some());
    let data = data.ok_or_else(|| file::no_such_key(&file, &sealed, old))?;
    if old == new {
        console.note(&format!("{at}: {old} is called so already"));
        return Ok(());
    }
    if data.get(new).is_some() {
        return Err(Report::new(Code::KeyTaken, format!("{at}: the key {new:?} is there already"))
            .hint(format!("take it out first (bulla unset {} {new}), or choose another name", file.name())));
    }
    let mut splices = Splices::new(&file.text);
    splices.rename(data, old, new).map_err(|error| bad_splice(&file.name(), &error))?;
    file::write(&file, splices)?;

    console.note(&format!("{at}: {old} is called {new}; its ciphertext is the same, since it is not bound to the key"));
    for name in template::that_mention(&sealed, old) {
        console.warn(&format!("{at}: spec.template.data.{name} speaks of {old}: change it there, too"));
    }
    if let Some(warning) = template::about_new_key(&sealed, new) {
        console.warn(&format!("{at}: {warning}"));
    }
    Ok(())
}
