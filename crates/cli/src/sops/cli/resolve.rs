//! From flags to the options of a command, in the order in which the real tool looks at them: the first mistake is the one that is told.

use std::path::{Path, PathBuf};

use super::super::commands::{
    Formats, Opening, completion, decrypt, edit, encrypt, exec_env, exec_file, filestatus, groups, keyservice, publish,
    rotate, set, unset, updatekeys,
};
use super::super::config::Config;
use super::super::create::{self, CreationFlags, NewFile};
use super::super::failure::{Failure, code};
use super::super::place::{self, Destination, Input};
use super::super::settings::Settings;
use super::super::{go, log, tree_path};
use super::parse::Values;
use super::shared::{
    absolute, changes_keys, creation_flags, extract, how, key_changes, new_group, no_file, no_keys_of_missing, opening,
    override_of, readable, services, settings, warn_of_words, writable,
};

/// The flags before a command and those behind it.
pub(super) struct Line<'a> {
    pub(super) global: &'a Values,
    pub(super) own: &'a Values,
}

/// Runs a command; `path` are its names, `sops groups add`.
pub(super) fn run(path: &str, line: &Line<'_>) -> Result<u8, Failure> {
    match path.trim_start_matches("sops ") {
        "completion bash" => completion::run(completion::Shell::Bash),
        "completion zsh" => completion::run(completion::Shell::Zsh),
        "exec-env" => exec_env::run(line.exec_env()?),
        "exec-file" => exec_file::run(line.exec_file()?),
        "publish" => publish::run(line.publish()?),
        "keyservice" => keyservice::run(&line.keyservice()),
        "filestatus" => filestatus::run(&line.filestatus()?),
        "groups add" => groups::run(&line.groups_add()?),
        "groups delete" => groups::run(&line.groups_delete()?),
        "updatekeys" => updatekeys::run(&line.updatekeys()?),
        "decrypt" => decrypt::run(&line.decrypt()?),
        "encrypt" => encrypt::run(&line.encrypt()?),
        "rotate" => rotate::run(&line.rotate()?),
        "edit" => edit::run(line.edit()?),
        "set" => set::run(&line.set()?),
        "unset" => unset::run(&line.unset()?),
        other => Err(no_such_command(other)),
    }
}

/// The table of commands and the list above are one; a test goes through all of them.
fn no_such_command(name: &str) -> Failure {
    Failure::fatal(format!("{name}: no such command"))
}

impl Line<'_> {
    fn settings(&self) -> Settings {
        settings(self.global, self.own)
    }

    /// The first word as an absolute path; nothing if there is no word.
    fn file(&self) -> Result<Option<PathBuf>, Failure> {
        self.own.words.first().map(|word| absolute(Path::new(word))).transpose()
    }

    fn required_file(&self) -> Result<PathBuf, Failure> {
        self.file()?.ok_or_else(no_file)
    }

    fn formats(&self, settings: &Settings, config: Option<&Config>, path: &Path) -> Result<Formats, Failure> {
        settings.formats(config, path, &self.own.text("input-type"), &self.own.text("output-type"))
    }

    fn encrypt(&self) -> Result<encrypt::Options, Failure> {
        let own = self.own;
        if own.words.is_empty() {
            if own.on("in-place") {
                return Err(place::Destination::in_place(None).err().unwrap_or_else(no_file));
            }
            if own.text("filename-override").is_empty() {
                return Err(Failure::new(
                    code::CONFLICT,
                    "Error: must specify --filename-override when reading from stdin",
                ));
            }
        }
        warn_of_words(own);
        let path = self.file()?;
        let destination = Destination::of(path.as_deref(), own.on("in-place"), own.path("output"))?;
        let (input, name) = readable(path, own)?;
        let settings = self.settings();
        let config = settings.load()?;
        let formats = self.formats(&settings, config.as_ref(), &name)?;
        let services = services(own);
        let flags = CreationFlags { mac_only_encrypted: self.global.on("mac-only-encrypted"), ..creation_flags(own) };
        let new = NewFile { flags, config, path: name, rule_context: Vec::new(), input: formats.input };
        Ok(encrypt::Options { input, destination, formats, new, services })
    }

    fn decrypt(&self) -> Result<decrypt::Options, Failure> {
        let own = self.own;
        if own.words.is_empty() && own.on("in-place") {
            return Err(Destination::in_place(None).err().unwrap_or_else(no_file));
        }
        warn_of_words(own);
        let path = self.file()?;
        let destination = Destination::of(path.as_deref(), own.on("in-place"), own.path("output"))?;
        let (input, name) = readable(path, own)?;
        let settings = self.settings();
        let config = settings.load()?;
        let formats = self.formats(&settings, config.as_ref(), &name)?;
        let opening = opening(own)?;
        Ok(decrypt::Options { input, destination, formats, extract: extract(own)?, opening })
    }

    fn rotate(&self) -> Result<rotate::Options, Failure> {
        let own = self.own;
        if own.words.is_empty() {
            return Err(no_file());
        }
        warn_of_words(own);
        let path = self.required_file()?;
        let destination = Destination::of(Some(&path), own.on("in-place"), own.path("output"))?;
        if place::is_missing(&path) && changes_keys(own) {
            return Err(no_keys_of_missing(&path, "use the `edit` subcommand instead."));
        }
        let name = override_of(own, Some(&path))?;
        let settings = self.settings();
        let config = settings.load()?;
        let formats = self.formats(&settings, config.as_ref(), &name)?;
        let opening = opening(own)?;
        let (add, remove) = key_changes(own)?;
        let allow_unlisted = own.on("allow-unlisted-recipients");
        Ok(rotate::Options {
            input: Input::at(&path),
            destination,
            formats,
            opening,
            add,
            remove,
            config,
            path: name,
            allow_unlisted,
        })
    }

    fn edit(&self) -> Result<edit::Options, Failure> {
        let own = self.own;
        if own.words.is_empty() {
            return Err(no_file());
        }
        warn_of_words(own);
        let path = writable(self.required_file()?)?;
        let settings = self.settings();
        let config = settings.load()?;
        let formats = self.formats(&settings, config.as_ref(), &path)?;
        let opening = opening(own)?;
        let flags = CreationFlags { mac_only_encrypted: self.global.on("mac-only-encrypted"), ..creation_flags(own) };
        let new = NewFile { flags, config, path: path.clone(), rule_context: Vec::new(), input: formats.input };
        Ok(edit::Options { path, formats, opening, new, show_master_keys: own.on("show-master-keys") })
    }

    fn set(&self) -> Result<set::Options, Failure> {
        let own = self.own;
        let (from_file, from_stdin) = (own.on("value-file"), own.on("value-stdin"));
        if from_file && from_stdin {
            return Err(Failure::generic("Error: cannot use both --value-file and --value-stdin"));
        }
        let (at, from) = match (&own.words[..], from_stdin) {
            ([_, at], true) => (at, set::ValueFrom::Stdin),
            ([_, at, value], false) if from_file => (at, set::ValueFrom::File(value.into())),
            ([_, at, value], false) => (at, set::ValueFrom::Word(value.clone())),
            (_, true) => {
                return Err(Failure::new(
                    code::NO_FILE,
                    "Error: file specified, or index and value are missing. Need precisely 2 positional arguments since --value-stdin \
                     is used.",
                ));
            }
            (_, false) => {
                return Err(Failure::new(
                    code::NO_FILE,
                    "Error: no file specified, or index and value are missing. Need precisely 3 positional arguments.",
                ));
            }
        };
        let path = writable(self.required_file()?)?;
        let settings = self.settings();
        let formats = self.formats(&settings, settings.load()?.as_ref(), &path)?;
        let services = services(own);
        let at = tree_path::parse(&at.to_string_lossy())
            .map_err(|_| Failure::new(code::SET_FORMAT, "Invalid set index format"))?;
        let value = from.read()?;
        let opening = Opening { services, how: how(own)? };
        Ok(set::Options { path, formats, at, value, idempotent: own.on("idempotent"), opening })
    }

    fn unset(&self) -> Result<unset::Options, Failure> {
        let own = self.own;
        let [_, at] = &own.words[..] else {
            return Err(Failure::new(code::NO_FILE, "Error: no file specified, or index is missing"));
        };
        let path = writable(self.required_file()?)?;
        let settings = self.settings();
        let formats = self.formats(&settings, settings.load()?.as_ref(), &path)?;
        let services = services(own);
        let at = tree_path::parse(&at.to_string_lossy())
            .map_err(|_| Failure::new(code::SET_FORMAT, "Invalid unset index format"))?;
        let opening = Opening { services, how: how(own)? };
        Ok(unset::Options { path, formats, at, idempotent: own.on("idempotent"), opening })
    }

    fn exec_env(&self) -> Result<exec_env::Options, Failure> {
        let own = self.own;
        let [file, command] = &own.words[..] else { return Err(Failure::generic("error: missing file to decrypt")) };
        let path = PathBuf::from(file);
        let settings = self.settings();
        let formats = settings.formats(settings.load()?.as_ref(), &path, "", "")?;
        let opening = opening(own)?;
        Ok(exec_env::Options {
            path,
            input: formats.input,
            opening,
            command: command.clone(),
            background: own.on("background"),
            pristine: own.on("pristine"),
            user: own.text("user"),
            same_process: own.on("same-process"),
        })
    }

    fn exec_file(&self) -> Result<exec_file::Options, Failure> {
        let own = self.own;
        let [file, command] = &own.words[..] else { return Err(Failure::generic("error: missing file to decrypt")) };
        let path = PathBuf::from(file);
        let settings = self.settings();
        let formats = self.formats(&settings, settings.load()?.as_ref(), &path)?;
        let opening = opening(own)?;
        Ok(exec_file::Options {
            path,
            formats,
            opening,
            command: command.clone(),
            background: own.on("background"),
            no_fifo: own.on("no-fifo"),
            user: own.text("user"),
            filename: own.text("filename"),
        })
    }

    fn publish(&self) -> Result<publish::Options, Failure> {
        let own = self.own;
        self.be_verbose();
        let settings = self.settings();
        if settings.config.is_none() && settings.load()?.is_none() {
            return Err(Failure::generic("config file not found"));
        }
        let path = PathBuf::from(own.words.first().ok_or_else(no_file)?);
        warn_of_words(own);
        Ok(publish::Options {
            path,
            config: settings.config,
            opening: opening(own)?,
            yes: own.on("yes"),
            omit_extensions: own.on("omit-extensions"),
            recursive: own.on("recursive"),
        })
    }

    fn keyservice(&self) -> keyservice::Options {
        self.be_verbose();
        let own = self.own;
        keyservice::Options { network: own.text("network"), address: own.text("address"), prompt: own.on("prompt") }
    }

    fn be_verbose(&self) {
        if self.own.on("verbose") || self.global.on("verbose") {
            log::verbose();
        }
    }

    fn filestatus(&self) -> Result<filestatus::Options, Failure> {
        let path = PathBuf::from(self.own.words.first().ok_or_else(no_file)?);
        let settings = self.settings();
        let formats = self.formats(&settings, settings.load()?.as_ref(), &path)?;
        Ok(filestatus::Options { input: Input::at(&path), format: formats.input })
    }

    fn updatekeys(&self) -> Result<updatekeys::Options, Failure> {
        let own = self.own;
        let config = self.settings().load()?.ok_or_else(|| Failure::generic("config file not found"))?;
        if own.words.is_empty() {
            return Err(no_file());
        }
        Ok(updatekeys::Options {
            paths: own.words.iter().map(PathBuf::from).collect(),
            config,
            input_type: own.text("input-type"),
            yes: own.on("yes"),
            services: services(own),
        })
    }

    fn groups_add(&self) -> Result<groups::Options, Failure> {
        if !self.own.words.is_empty() {
            return Err(Failure::generic("error: no positional arguments allowed"));
        }
        let group = new_group(self.own);
        self.groups(groups::Change::Add(group))
    }

    fn groups_delete(&self) -> Result<groups::Options, Failure> {
        let [index] = &self.own.words[..] else {
            return Err(Failure::generic("error: exactly one positional argument (index) required"));
        };
        let index = index.to_string_lossy();
        let number = index.parse::<u32>().ok().filter(|_| !index.starts_with('+')).ok_or_else(|| {
            let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
            let reason = if digits { "value out of range" } else { "invalid syntax" };
            let index = go::quote(&index);
            Failure::fatal(format!("failed to parse [index] argument: strconv.ParseUint: parsing {index}: {reason}"))
        })?;
        self.groups(groups::Change::Delete(number))
    }

    fn groups(&self, change: groups::Change) -> Result<groups::Options, Failure> {
        let own = self.own;
        let path = own.path("file").unwrap_or_default();
        let settings = self.settings();
        let formats = self.formats(&settings, settings.load()?.as_ref(), &path)?;
        let destination = if own.on("in-place") { Destination::in_place(Some(&path))? } else { Destination::Stdout };
        let threshold = create::threshold_of(own.number("shamir-secret-sharing-threshold"))?;
        Ok(groups::Options {
            input: Input::at(&path),
            destination,
            formats,
            change,
            threshold,
            services: services(own),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::flags::{COMMANDS, Command, HELP};
    use super::super::help;
    use super::super::parse::parse;
    use super::*;

    #[test]
    fn every_command_of_the_table_is_known() {
        fn check(path: &str, command: &'static Command, global: &Values) {
            let path = format!("{path} {}", command.name);
            if command.children.is_empty() {
                let (own, _) = parse(command.all_flags().chain([&HELP]), &["--".into()], &|_| None);
                if matches!(command.name, "keyservice" | "encrypt" | "decrypt") {
                    return;
                }
                let unknown = no_such_command(path.trim_start_matches("sops "));
                assert_ne!(run(&path, &Line { global, own: &own }), Err(unknown), "{path}");
            }
            command.children.iter().for_each(|child| check(&path, child, global));
        }
        let (global, _) = parse(help::global_flags(), &[], &|_| None);
        COMMANDS.iter().for_each(|command| check("sops", command, &global));
    }
}
