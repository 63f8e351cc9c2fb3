//! `sops edit`
//!
//! The plaintext is a file only while the editor has it open: in a private folder in memory, which goes with everything in it however this
//! ends; what a killed run left there is removed by the next (`crate::edit::place`). The encrypted file is replaced as a whole.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use bulla_core::sops::{Branch, DataKey, Format, Item, Metadata, Nonces, Tree, Value};
use zeroize::Zeroizing;

use super::super::create::NewFile;
use super::super::failure::{Failure, code};
use super::super::open::{Opened, open_allowing};
use super::super::place::{self, Input};
use super::super::{audit, close, go, log, version};
use super::{Formats, Opening};
use crate::edit::editor::Signals;
use crate::edit::place::Private;

/// What the command line says.
pub(crate) struct Options {
    /// The file, absolute. It may be missing: then an example is edited, and the file is made with `new`.
    pub(crate) path: PathBuf,
    /// How it is read and written.
    pub(crate) formats: Formats,
    /// How it is opened.
    pub(crate) opening: Opening,
    /// The metadata of a file that is not there yet.
    pub(crate) new: NewFile,
    /// `--show-master-keys`: the metadata is edited, too.
    pub(crate) show_master_keys: bool,
}

const UNCHANGED: u8 = 200;
const EDITOR: u8 = 201;
const VERSION: u8 = 202;

/// Opens the file in an editor and encrypts what comes back, in place.
pub(crate) fn run(options: Options) -> Result<u8, Failure> {
    let opened = if place::is_missing(&options.path) {
        example(&options)?
    } else {
        let bytes = Input::at(&options.path).read()?;
        open_allowing(
            options.formats.input,
            &bytes,
            &options.opening.services,
            &options.opening.how,
            options.formats.allow,
        )?
    };
    let Formats { output, indents, .. } = options.formats;
    let Opened { tree, mut metadata, key, nonces } = opened;
    let before = metadata.groups.clone();
    let mut tree = edit(&options, tree, &mut metadata)?;
    let same_keys = before.len() == metadata.groups.len()
        && before.iter().zip(&metadata.groups).all(|(before, now)| before.keys == now.keys);
    if !same_keys {
        close::wrap_data_key(&mut metadata, &key, &options.opening.services).map_err(|errors| not_wrapped(&errors))?;
    }
    close::encrypt(&mut tree, &mut metadata, &key, &nonces)?;
    let bytes = close::emit(output, tree, &metadata, indents)?;
    place::write_in_place(&options.path, &bytes)?;
    Ok(0)
}

/// A file that is not there yet: an example to be written over.
fn example(options: &Options) -> Result<Opened, Failure> {
    audit::reading(&options.path);
    let mut metadata = options.new.metadata()?;
    let input = options.formats.input;
    let text = example_text(input, options)?;
    let tree = input
        .load_plain(&text)
        .map_err(|error| Failure::new(code::READ, format!("Error unmarshalling file: {error}")))?;
    let key = DataKey::generate().map_err(|error| not_wrapped(&[format!("Could not generate random key: {error}")]))?;
    close::wrap_data_key(&mut metadata, &key, &options.opening.services).map_err(|errors| not_wrapped(&errors))?;
    Ok(Opened { tree, metadata, key, nonces: Nonces::default() })
}

fn not_wrapped(errors: &[String]) -> Failure {
    let errors = errors.join(" ");
    let text = format!("Error encrypting the data key with one or more master keys: [{errors}]");
    Failure::new(code::NO_DATA_KEY, text)
}

fn example_text(format: Format, options: &Options) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let branch = match format {
        Format::Binary => return Ok(Zeroizing::new(WELCOME.as_bytes().to_vec())),
        Format::Yaml | Format::Json => structured(),
        Format::Dotenv => flat(),
        Format::Ini => vec![Item::new("Welcome!", Value::Map(simple()))],
    };
    let tree = Tree { documents: vec![branch] };
    format.emit_plain(&tree, options.formats.indents).map_err(|error| not_marshalled(&error))
}

const WELCOME: &str = "Welcome to SOPS! Edit this file as you please!";

/// What the stores of the real tool begin with, too.
fn structured() -> Branch {
    vec![
        Item::new("hello", Value::text(WELCOME)),
        Item::new("example_key", Value::text("example_value")),
        Item::comment(bulla_core::sops::Comment::new(" Example comment")),
        Item::new("example_array", Value::List(vec![Value::text("example_value1"), Value::text("example_value2")])),
        Item::new("example_number", Value::Float(1234.56789)),
        Item::new("example_booleans", Value::List(vec![Value::Bool(true), Value::Bool(false)])),
    ]
}

fn simple() -> Branch {
    vec![
        Item::comment(bulla_core::sops::Comment::new(" This is an example file.")),
        Item::new("hello", Value::text(WELCOME)),
        Item::new("example_key", Value::text("example_value")),
    ]
}

fn flat() -> Branch {
    let mut branch = simple();
    branch.push(Item::new("example_multiline", Value::text("foo\nbar\nbaz")));
    branch
}

fn not_marshalled(error: &bulla_core::sops::Error) -> Failure {
    Failure::new(code::DUMP, format!("Could not marshal tree: {error}"))
}

/// The editor, again and again until there is something to encrypt.
fn edit(options: &Options, tree: Tree, metadata: &mut Metadata) -> Result<Tree, Failure> {
    let Formats { input, output, indents, .. } = options.formats;
    let text = if options.show_master_keys {
        // Values in the clear, with the metadata below them.
        output.emit_encrypted(tree, metadata, indents).map(Zeroizing::new)
    } else {
        output.emit_plain(&tree, indents)
    }
    .map_err(|error| not_marshalled(&error))?;
    let not_prepared = |report: crate::report::Report| {
        Failure::new(code::WRITE, format!("Could not create temporary directory: {}", report.message()))
    };
    let mut signals = Signals::hold().map_err(not_prepared)?;
    let private = Private::new_somewhere().map_err(not_prepared)?;
    crate::edit::remove_at_panic(private.folder());
    let name = options.path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned());
    let path = private.write(&name, &text).map_err(not_prepared)?;
    loop {
        run_editor(&mut signals, &path)?;
        let edited = crate::io::input::read_file(&path).map_err(|error| {
            Failure::new(code::READ, format!("Could not hash file: {}", go::path_error("open", &path, &error)))
        })?;
        if edited == text {
            return Err(Failure::new(UNCHANGED, "File has not changed, exiting."));
        }
        match taken(&edited, input, output, options.show_master_keys, metadata)? {
            Taken::Tree(tree) => return Ok(tree),
            Taken::Not(problem, reason) => {
                let message = format!("{problem} Press enter to return to the editor, or Ctrl+C to exit.");
                log::entry(log::Level::Error, "CMD", &message, &[("error", &reason)]);
                match signals.wait_for_enter() {
                    Ok(true) => {}
                    // Nobody is there who could mend it; the real tool would run the editor for ever.
                    Ok(false) => return Err(Failure::new(code::READ, format!("{problem} Nothing was written."))),
                    Err(_) => return Err(canceled()),
                }
            }
        }
    }
}

fn canceled() -> Failure {
    Failure::generic("User canceled operation")
}

/// What an edited text is.
enum Taken {
    /// Something to encrypt.
    Tree(Tree),
    /// What is wrong with it, and why.
    Not(&'static str, String),
}

/// Reads what the editor left. The metadata are those of the text if they were shown.
fn taken(
    edited: &[u8],
    input: Format,
    output: Format,
    with_metadata: bool,
    metadata: &mut Metadata,
) -> Result<Taken, Failure> {
    let mut tree = match input.load_plain(edited) {
        Ok(tree) => tree,
        Err(error @ bulla_core::sops::Error::Empty) => {
            return Ok(Taken::Not("Tree not valid for encryption.", error.to_string()));
        }
        Err(error) => {
            return Ok(Taken::Not("Could not load tree, probably due to invalid syntax.", error.to_string()));
        }
    };
    if with_metadata {
        match input.load_encrypted(edited) {
            Ok((shown, of_text)) => {
                tree = shown;
                *metadata = of_text;
            }
            Err(error) => return Ok(Taken::Not("SOPS metadata is invalid.", error.to_string())),
        }
    } else if let Err(failure) = close::check_plain(&tree, output) {
        return Ok(Taken::Not("Tree not valid for encryption.", failure.text));
    }
    version::check(&metadata.version).map_err(|failure| {
        let text = format!(
            "Failed to compare document version {} with program version {}: {}",
            go::quote(&metadata.version),
            go::quote(version::OURS),
            failure.text
        );
        Failure::new(VERSION, text)
    })?;
    if version::is_older(&metadata.version) {
        version::OURS.clone_into(&mut metadata.version);
    }
    if metadata.groups.iter().all(|group| group.keys.is_empty()) {
        let problem = "No master keys were provided, so sops can't encrypt the file.";
        return Ok(Taken::Not(problem, "there is no key in the metadata".to_owned()));
    }
    Ok(Taken::Tree(tree))
}

fn run_editor(signals: &mut Signals, path: &Path) -> Result<(), Failure> {
    let failed = |reason: String| Failure::new(EDITOR, format!("Could not run editor: {reason}"));
    let words = editor(&|name| std::env::var(name).unwrap_or_default(), &is_on_path).map_err(failed)?;
    let [program, arguments @ ..] = words.as_slice() else { return Err(failed("no program is named".to_owned())) };
    let child = Command::new(program).args(arguments).arg(path).spawn().map_err(|error| {
        failed(if error.kind() == std::io::ErrorKind::NotFound && !program.contains('/') {
            format!("exec: {}: executable file not found in $PATH", go::quote(program))
        } else {
            format!("fork/exec {program}: {}", crate::report::os_error(&error))
        })
    })?;
    let (status, interrupted) = signals.wait(child).map_err(|report| failed(report.message().to_owned()))?;
    match status {
        Some(status) if status.success() => Ok(()),
        None => Err(canceled()),
        Some(_) if interrupted => Err(canceled()),
        Some(status) => Err(failed(described(status))),
    }
}

/// As Go puts it.
fn described(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => super::shell::described(status),
    }
}

/// The words of the editor's command: from SOPS_EDITOR, EDITOR, or what is there.
fn editor(variable: &dyn Fn(&str) -> String, is_there: &dyn Fn(&str) -> bool) -> Result<Vec<String>, String> {
    const KNOWN: [&str; 3] = ["vim", "nano", "vi"];
    for name in ["SOPS_EDITOR", "EDITOR"] {
        let text = variable(name);
        if !text.is_empty() {
            return match shell_words::split(&text) {
                Ok(words) if !words.is_empty() => Ok(words),
                _ => Err(format!("invalid ${name}: {text}")),
            };
        }
    }
    match KNOWN.into_iter().find(|editor| is_there(editor)) {
        Some(editor) => Ok(vec![editor.to_owned()]),
        None => Err(format!(
            "no editor available: neither SOPS_EDITOR nor EDITOR is set, and there is none of {}",
            KNOWN.join(", ")
        )),
    }
}

fn is_on_path(program: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let runs = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path).any(|folder| folder.is_absolute() && runs(&folder.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_editor_is_chosen_and_split_as_a_shell_does_it() {
        let choose = |sops: &'static str, other: &'static str, there: &'static [&'static str]| {
            let variable = |name: &str| (if name == "EDITOR" { other } else { sops }).to_owned();
            editor(&variable, &|name| there.contains(&name)).map(|words| words.join("|"))
        };
        assert_eq!(choose("code --wait", "nano", &[]).as_deref(), Ok("code|--wait"));
        assert_eq!(choose("", "'my editor' -x\\ y", &[]).as_deref(), Ok("my editor|-x y"));
        assert_eq!(choose("", "", &["nano", "vi"]).as_deref(), Ok("nano"));
        assert_eq!(choose("", "x 'y", &[]).unwrap_err(), "invalid $EDITOR: x 'y");
        assert_eq!(choose(" ", "nano", &[]).unwrap_err(), "invalid $SOPS_EDITOR:  ");
        assert!(choose("", "", &[]).unwrap_err().starts_with("no editor available"));
    }
}
