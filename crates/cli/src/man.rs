//! Manual pages, one per command, made from the command line's own definition.
//!
//! clap_mangen writes the sections; the text behind the flags, which is examples and notes with a layout of their own, is
//! written here, so that it is kept line by line.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Command;
use clap::builder::Resettable;
use clap_mangen::Man;

use crate::config::nearest;
use crate::io::atomic::{self, NewFile};
use crate::io::{Console, Target};
use crate::report::{Code, Report, Result, os_error};
use crate::tree::shown;

/// `bulla man`
#[derive(Debug)]
pub(crate) struct Options {
    /// The words of a command; none is the page of the whole.
    pub(crate) command: Vec<String>,
    /// Write all pages into this folder instead.
    pub(crate) folder: Option<PathBuf>,
}

/// Prints one page, or writes all of them.
pub(crate) fn run(options: &Options, definitions: [Command; 2], console: Console) -> Result<()> {
    let [bulla, kubeseal] = definitions.map(built);
    if let Some(folder) = &options.folder {
        let mut pages = Vec::new();
        all(&bulla, &mut pages);
        all(&kubeseal, &mut pages);
        for page in &pages {
            let path = folder.join(page.get_filename());
            atomic::replace(&path, text(page).as_bytes(), NewFile::AnyoneMayRead).map_err(|error| {
                Report::new(Code::WriteFile, format!("{}: {}", shown(&path), os_error(&error)))
                    .hint("the folder has to be there, and writable for you")
            })?;
        }
        console.note(&format!("wrote {} pages; try: man -l {}/bulla.1", pages.len(), shown(folder)));
        return Ok(());
    }
    let words: Vec<&str> = options.command.iter().map(String::as_str).collect();
    let page = match words.as_slice() {
        ["kubeseal"] => &kubeseal,
        words => find(&bulla, words)?,
    };
    Target::Stdout.write(text(&Page(page.clone())).as_bytes())
}

/// A command that has a page.
struct Page(Command);

impl Page {
    fn get_filename(&self) -> String {
        format!("{}.1", self.name())
    }

    fn name(&self) -> &str {
        self.0.get_display_name().unwrap_or_else(|| self.0.get_name())
    }
}

/// With the names that subcommands have in the manual: `bulla-cert-fetch`.
fn built(command: Command) -> Command {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    command
}

fn all(command: &Command, pages: &mut Vec<Page>) {
    pages.push(Page(command.clone()));
    for child in command.get_subcommands().filter(|child| !child.is_hide_set()) {
        all(child, pages);
    }
}

fn find<'a>(command: &'a Command, words: &[&str]) -> Result<&'a Command> {
    let Some((word, rest)) = words.split_first() else { return Ok(command) };
    let children: Vec<&Command> = command.get_subcommands().filter(|child| !child.is_hide_set()).collect();
    match children.iter().find(|child| child.get_name() == *word) {
        Some(child) => find(child, rest),
        None => {
            let known: Vec<&str> = children.iter().map(|child| child.get_name()).collect();
            let hint = match (nearest(word, &known), known.is_empty()) {
                (Some(near), _) => format!("did you mean {near}?"),
                (None, true) => format!("try: bulla man {}", command.get_name()),
                (None, false) => format!("there are pages for {}", known.join(", ")),
            };
            Err(Report::new(Code::NoPage, format!("no command {}, so no page", word.escape_debug())).hint(hint))
        }
    }
}

/// The page in the language of man(7).
fn text(page: &Page) -> String {
    let command = page.0.clone().after_help(Resettable::Reset).after_long_help(Resettable::Reset);
    let man = Man::new(command).title(page.name().to_uppercase()).source(concat!("bulla ", env!("CARGO_PKG_VERSION")));
    let mut bytes = Vec::new();
    // Writing into memory does not fail.
    let _ = man.render(&mut bytes);
    let notes = page.0.get_after_help().map(|help| as_it_is(&help.to_string()));
    portable(&(String::from_utf8_lossy(&bytes).into_owned() + &notes.unwrap_or_default()))
}

/// Letters beyond ASCII by their numbers: not every man(1) knows that the page is UTF-8.
fn portable(text: &str) -> String {
    let mut page = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            page.push(letter);
        } else {
            let _ = write!(page, "\\[u{:04X}]", u32::from(letter));
        }
    }
    page
}

/// A section whose lines stay as they are.
fn as_it_is(lines: &str) -> String {
    let mut text = ".SH EXAMPLES AND NOTES\n.nf\n".to_owned();
    for line in lines.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
        // What begins with a dot would be a request.
        let _ = writeln!(text, "{}{line}", if line.starts_with('.') { "\\&" } else { "" });
    }
    text + ".fi\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Command {
        let child = Command::new("child").about("does").after_help("Example:\n  a 'b' \\\n.dot --flag …");
        built(Command::new("top").version("1").about("the top").subcommand(Command::new("mid").subcommand(child)))
    }

    #[test]
    fn every_command_has_a_page_with_its_whole_name() {
        let mut pages = Vec::new();
        all(&sample(), &mut pages);
        let names: Vec<_> = pages.iter().map(Page::get_filename).collect();
        assert_eq!(names, ["top.1", "top-mid.1", "top-mid-child.1"]);
    }

    #[test]
    fn examples_keep_their_lines_and_are_no_requests() {
        let sample = sample();
        let page = text(&Page(find(&sample, &["mid", "child"]).unwrap_or(&sample).clone()));
        let expected = ".nf\nExample:\n  a \\(aqb\\(aq \\e\n\\&.dot \\-\\-flag \\[u2026]\n.fi\n";
        assert!(page.contains(expected), "{page}");
        assert_eq!(page.matches("Example").count(), 1, "{page}");
        assert!(page.contains(".TH TOP-MID-CHILD 1"), "{page}");
    }

    #[test]
    fn a_page_that_is_not_there_is_said_with_the_nearest_name() {
        let sample = sample();
        let report = find(&sample, &["mid", "chid"]).err().map(|report| report.render()).unwrap_or_default();
        assert!(report.contains("no command chid") && report.contains("did you mean child?"), "{report}");
    }
}
