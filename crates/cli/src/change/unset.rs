//! `bulla unset`: keys go out of a SealedSecret. Needs neither key nor certificate.

use bulla_yaml::Splices;

use super::{Which, file, template};
use crate::io::Console;
use crate::report::{Result, bad_splice};

/// What to take out.
#[derive(Debug)]
pub(crate) struct Options {
    /// Which SealedSecret.
    pub(crate) which: Which,
    /// The keys.
    pub(crate) keys: Vec<String>,
}

/// Runs the command: all of the keys, or none.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    if crate::sops::files::change::unset(options, console)? {
        return Ok(());
    }
    let file = file::open(&options.which, console)?;
    let sealed = file::pick(&file, &options.which)?;
    file::refuse_deprecated(&file, &sealed)?;
    let mut splices = Splices::new(&file.text);
    for key in &options.keys {
        let data = sealed.data().filter(|data| data.get(key).is_some());
        let data = data.ok_or_else(|| file::no_such_key(&file, &sealed, key))?;
        splices.remove(data, key).map_err(|error| bad_splice(&file.name(), &error))?;
    }
    file::write(&file, splices)?;

    let at = format!("{}: {}", file.name(), sealed.id());
    for key in &options.keys {
        console.note(&format!("{at}: {key} is gone"));
        for name in template::that_mention(&sealed, key) {
            console.warn(&format!("{at}: spec.template.data.{name} speaks of {key}, which is gone"));
        }
    }
    if options.keys.len() == sealed.items.len() {
        console.warn(&format!("{at}: there are no values left"));
    }
    Ok(())
}
