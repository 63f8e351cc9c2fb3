//! `bulla unseal` on sops files: the plain files, in their own layout, or in another format.

use std::path::Path;

use bulla_core::sops::{Format, Indents};
use zeroize::Zeroizing;

use super::{SopsFile, detect, explain, work};
use crate::io::{Console, Source, input};
use crate::manifest;
use crate::parallel;
use crate::report::{Code, Report, Result};
use crate::sops::trust::{self, Keys, Trust};
use crate::unseal::Options;

/// Runs the command, if what is named are sops files; whether they are.
pub(crate) fn run(options: &Options, console: Console) -> Result<bool> {
    if options.cluster.is_some() || !options.keys.is_empty() {
        return Ok(false);
    }
    let mut files = Vec::new();
    let mut others = Vec::new();
    for source in &options.sources {
        match read(source)? {
            Some(file) => files.push(file),
            None => others.push(source),
        }
    }
    match (files.is_empty(), others.first()) {
        (true, _) => Ok(false),
        (false, Some(other)) => {
            Err(Report::new(Code::SopsMixed, format!("{other}: is no sops file, and others here are"))
                .hint("unseal SealedSecrets and sops files one after the other"))
        }
        (false, None) => {
            let keys = Keys::new()?;
            let texts = parallel::in_order(&files, |file| plain(file, options, &keys, console))?;
            let mut output = Zeroizing::new(Vec::new());
            for (file, text) in files.iter().zip(texts) {
                let text = text?;
                let mut larger = Zeroizing::new(Vec::with_capacity(output.len() + text.len() + 5));
                larger.extend_from_slice(&output);
                if !output.is_empty() && file.format == Format::Yaml && !text.starts_with(b"---") {
                    larger.extend_from_slice(b"---\n");
                }
                larger.extend_from_slice(&text);
                output = larger;
            }
            options.target.write(&output)?;
            Ok(true)
        }
    }
}

/// A source that holds a sops file. What cannot be read is somebody else's to say.
fn read(source: &Source) -> Result<Option<SopsFile>> {
    match source {
        Source::File(path) if path.is_file() => super::read(path),
        Source::File(_) => Ok(None),
        Source::Stdin => {
            let bytes = input::read(source)?;
            let name = Path::new("standard input");
            // Nothing says what it is, so its content has to.
            for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini] {
                let path = format!("x.{}", if format == Format::Dotenv { "env" } else { format.word() });
                if detect(Path::new(&path), &bytes) == Some(format) {
                    let format = if format == Format::Yaml && bytes.trim_ascii_start().starts_with(b"{") {
                        Format::Json
                    } else {
                        format
                    };
                    return SopsFile::parse(name, bytes, format).map(Some);
                }
            }
            Ok(None)
        }
    }
}

fn plain(file: &SopsFile, options: &Options, keys: &Keys, console: Console) -> Result<Zeroizing<Vec<u8>>> {
    let opened = trust::open(file, keys, Trust::default())?;
    let wanted = match options.format {
        Some(manifest::Format::Yaml) => Some(Format::Yaml),
        Some(manifest::Format::Json) => Some(Format::Json),
        None => None,
    };
    match wanted.filter(|wanted| *wanted != file.format && file.format != Format::Binary) {
        Some(wanted) => {
            wanted.emit_plain(&opened.tree, Indents::default()).map_err(|error| explain::sops(&file.name(), &error))
        }
        None => work::plain_text(file, &opened, console),
    }
}
