//! The form without a command: `sops -d FILE`, `sops -e …`, `sops -r …`, `sops --set …`, and `sops FILE`, which edits. Several of them at once
//! are done in this order, each with the file as it is on the disk; the last one's result is the result.

use zeroize::Zeroizing;

use super::super::commands::{Opening, decrypt, edit, encrypt, rotate, set};
use super::super::config::kms_context;
use super::super::create::NewFile;
use super::super::failure::Failure;
use super::super::place::{self, Destination, Input};
use super::super::{log, tree_path};
use super::parse::Values;
use super::shared;

const SEVERAL: &str = "More than one command (--encrypt, --decrypt, --rotate, --set) has been specified. Only the changes made by the last \
                       one will be visible. Note that this behavior is deprecated and will cause an error eventually.";

/// Runs it.
pub(super) fn run(global: &Values) -> Result<u8, Failure> {
    let (encrypts, decrypts, rotates) = (global.on("encrypt"), global.on("decrypt"), global.on("rotate"));
    let setting = global.text("set");
    let sets = !setting.is_empty();
    let edits = !(encrypts || decrypts || rotates || sets);
    if global.on("verbose") {
        log::verbose();
    }
    if global.words.is_empty() {
        return Err(shared::no_file());
    }
    shared::warn_of_words(global);
    let path = shared::absolute(global.words[0].as_ref())?;
    let in_place = edits || sets || global.on("in-place");
    let output = global.path("output").filter(|_| global.on("in-place") || !in_place);
    let destination = Destination::of(Some(&path), in_place, output)?;
    if place::is_missing(&path) {
        if shared::changes_keys(global) {
            return Err(shared::no_keys_of_missing(&path, "use `--kms` and `--pgp` instead."));
        }
        if encrypts || decrypts || rotates {
            place::must_exist(&path)?;
        }
    }
    let name = shared::override_of(global, Some(&path))?;
    if [encrypts, decrypts, rotates, sets].into_iter().filter(|mode| *mode).count() > 1 {
        log::warn("CMD", SEVERAL);
    }
    let settings = shared::settings(global, global);
    let config = settings.load()?;
    let words = (global.text("input-type"), global.text("output-type"));
    let flags = shared::creation_flags(global);
    let rule_context = kms_context(&flags.encryption_context).unwrap_or_default();
    let formats = settings.formats(config.as_ref(), &name, &words.0, &words.1)?;
    let new = NewFile { flags, config, path: name, rule_context, input: formats.input };
    if encrypts || rotates || sets || edits {
        // A path that no rule is for is refused here, also where no rule is needed.
        new.rule()?;
    }
    let services = shared::services(global);
    let how = shared::how(global)?;
    if edits {
        let opening = Opening { services, how };
        let show_master_keys = global.on("show-master-keys");
        return edit::run(edit::Options { path, formats, opening, new, show_master_keys });
    }
    let input = Input::at(&path);
    let mut result: Result<Zeroizing<Vec<u8>>, Failure> = Ok(Zeroizing::default());
    let mut options =
        encrypt::Options { input: input.clone(), destination: destination.clone(), formats, new, services };
    if encrypts {
        match encrypt::encrypt(&options) {
            Ok(text) => result = Ok(Zeroizing::new(text)),
            Err(failure) if decrypts || rotates || sets => drop(failure),
            Err(failure) => return Err(failure),
        }
    }
    let mut opening = Opening { services: options.services, how };
    if decrypts {
        let extract = shared::extract(global)?;
        let decrypting =
            decrypt::Options { input: input.clone(), destination: destination.clone(), formats, extract, opening };
        // Told at the end, unless --set comes in between.
        result = decrypt::decrypt(&decrypting);
        opening = decrypting.opening;
    }
    if rotates {
        let (add, remove) = shared::key_changes(global)?;
        let rotating = rotate::Options {
            input,
            destination: destination.clone(),
            formats,
            opening,
            add,
            remove,
            config: options.new.config.take(),
            path: options.new.path.clone(),
            allow_unlisted: global.on("allow-unlisted-recipients"),
        };
        let text = rotate::rotate(&rotating)?;
        result = result.map(|_| Zeroizing::new(text));
        opening = rotating.opening;
    }
    if sets {
        let (at, value): (Vec<tree_path::Step>, _) = set::legacy(&setting)?;
        let setting = set::Options { path, formats, at, value, idempotent: false, opening };
        result = set::set(&setting).map(|(text, _)| Zeroizing::new(text));
    }
    destination.write(&result?)?;
    Ok(0)
}
