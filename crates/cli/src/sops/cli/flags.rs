//! The commands of sops and their flags, as tables. Names, kinds and variables are those of sops 3.13.3; the words are ours.

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, or `=true`, `=false`.
    Switch,
    /// The same, on by default.
    SwitchOn,
    /// A text.
    Text,
    /// A text; the flag may be repeated.
    Texts,
    /// A number.
    Number,
}

/// A flag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    /// The long name first; names of one letter are short ones.
    pub(super) names: &'static [&'static str],
    /// What it takes.
    pub(super) kind: Kind,
    /// The variable that takes its place, if any.
    pub(super) env: &'static str,
    /// Its value without flag and variable.
    pub(super) default: &'static str,
    /// What it does.
    pub(super) help: &'static str,
}

/// A command.
pub(super) struct Command {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) about: &'static str,
    /// Its words, for the help text.
    pub(super) words: &'static str,
    /// Its flags, in groups that commands share.
    pub(super) flags: &'static [&'static [Flag]],
    /// Commands below it.
    pub(super) children: &'static [Command],
}

impl Flag {
    /// The name that it is known by.
    pub(super) fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    const fn new(names: &'static [&'static str], kind: Kind, help: &'static str) -> Self {
        Self { names, kind, env: "", default: "", help }
    }

    const fn env(mut self, env: &'static str) -> Self {
        self.env = env;
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }
}

impl Command {
    /// Its flags.
    pub(super) fn all_flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.flags.iter().copied().flatten()
    }
}

/// The child of this name; `help` and `h` are no children.
pub(super) fn find(commands: &'static [Command], name: &str) -> Option<&'static Command> {
    commands.iter().find(|command| command.name == name)
}

const fn switch(names: &'static [&'static str], help: &'static str) -> Flag {
    Flag::new(names, Kind::Switch, help)
}

const fn text(names: &'static [&'static str], help: &'static str) -> Flag {
    Flag::new(names, Kind::Text, help)
}

const fn texts(names: &'static [&'static str], help: &'static str) -> Flag {
    Flag::new(names, Kind::Texts, help)
}

const fn number(names: &'static [&'static str], help: &'static str) -> Flag {
    Flag::new(names, Kind::Number, help)
}

/// `--help`, which every command has.
pub(super) const HELP: Flag = switch(&["help", "h"], "show help");
/// `--version`
pub(super) const VERSION: Flag = switch(&["version", "v"], "print the version");

const KEY_SERVICES: &[Flag] = &[
    Flag::new(&["enable-local-keyservice"], Kind::SwitchOn, "ask the keys of this machine")
        .env("SOPS_ENABLE_LOCAL_KEYSERVICE"),
    texts(&["keyservice"], "ask this key service, too: tcp://host:port or unix:///path; may be repeated")
        .env("SOPS_KEYSERVICE"),
];
const ORDER: &[Flag] =
    &[text(&["decryption-order"], "kinds of keys to ask first, separated by commas").env("SOPS_DECRYPTION_ORDER")];
const IN_PLACE: &[Flag] = &[switch(&["in-place", "i"], "write to the file itself instead of standard output")];
const OUTPUT: &[Flag] = &[text(&["output"], "write to this file instead of standard output")];
const INPUT_TYPE: &[Flag] =
    &[text(&["input-type"], "json, yaml, dotenv, ini or binary; otherwise the file's name decides")];
const OUTPUT_TYPE: &[Flag] =
    &[text(&["output-type"], "json, yaml, dotenv, ini or binary; otherwise the file's name decides")];
const IGNORE_MAC: &[Flag] = &[switch(&["ignore-mac"], "do not check that the values are those that were encrypted")];
const OVERRIDE: &[Flag] = &[text(
    &["filename-override"],
    "take this name for the rules of .sops.yaml and for the types; needed with standard input",
)];
const THRESHOLD: &[Flag] =
    &[number(&["shamir-secret-sharing-threshold"], "how many key groups are needed to open the file")];
const CONTEXT: &[Flag] =
    &[text(&["encryption-context"], "KMS encryption context, key:value pairs separated by commas")];
const PROFILE: &[Flag] = &[text(&["aws-profile"], "the AWS profile for requests to AWS")];
const YES: &[Flag] = &[switch(&["yes", "y"], "do not ask")];
const VERBOSE: &[Flag] = &[switch(&["verbose"], "show the whole log")];
const EXTRACT: &[Flag] = &[text(&["extract"], "print one value or branch: --extract '[\"key\"][0]'")];
const SHOW_KEYS: &[Flag] = &[switch(&["show-master-keys", "s"], "show the master keys in the editor")];
const KEYS: &[Flag] = &[
    text(&["kms", "k"], "ARNs of AWS KMS keys, separated by commas").env("SOPS_KMS_ARN"),
    text(&["gcp-kms"], "resource IDs of Google Cloud KMS keys, separated by commas").env("SOPS_GCP_KMS_IDS"),
    text(&["hckms"], "IDs of Huawei Cloud KMS keys (region:uuid), separated by commas").env("SOPS_HUAWEICLOUD_KMS_IDS"),
    text(&["azure-kv"], "URLs of Azure Key Vault keys, separated by commas").env("SOPS_AZURE_KEYVAULT_URLS"),
    text(&["hc-vault-transit"], "URIs of Vault transit keys, separated by commas").env("SOPS_VAULT_URIS"),
    text(&["pgp", "p"], "PGP fingerprints, separated by commas").env("SOPS_PGP_FP"),
    text(&["age", "a"], "age recipients, separated by commas").env("SOPS_AGE_RECIPIENTS"),
];
const SELECTORS: &[Flag] = &[
    text(&["unencrypted-suffix"], "leave keys with this ending unencrypted"),
    text(&["encrypted-suffix"], "encrypt only keys with this ending"),
    text(&["unencrypted-regex"], "leave keys that match unencrypted"),
    text(&["encrypted-regex"], "encrypt only keys that match"),
];
const COMMENT_SELECTORS: &[Flag] = &[
    text(&["unencrypted-comment-regex"], "leave what follows a matching comment unencrypted"),
    text(&["encrypted-comment-regex"], "encrypt only what follows a matching comment"),
];
const CHANGED_KEYS: &[Flag] = &[
    text(&["add-gcp-kms"], "add these Google Cloud KMS keys"),
    text(&["rm-gcp-kms"], "remove these Google Cloud KMS keys"),
    text(&["add-hckms"], "add these Huawei Cloud KMS keys"),
    text(&["rm-hckms"], "remove these Huawei Cloud KMS keys"),
    text(&["add-azure-kv"], "add these Azure Key Vault keys"),
    text(&["rm-azure-kv"], "remove these Azure Key Vault keys"),
    text(&["add-kms"], "add these AWS KMS keys"),
    text(&["rm-kms"], "remove these AWS KMS keys"),
    text(&["add-hc-vault-transit"], "add these Vault transit keys"),
    text(&["rm-hc-vault-transit"], "remove these Vault transit keys"),
    text(&["add-age"], "add these age recipients"),
    text(&["rm-age"], "remove these age recipients"),
    text(&["add-pgp"], "add these PGP keys"),
    text(&["rm-pgp"], "remove these PGP keys"),
];
const GROUP_FILE: &[Flag] = &[text(&["file", "f"], "the file")];
const GROUP_KEYS: &[Flag] = &[
    texts(&["pgp"], "a PGP fingerprint of the new group; may be repeated"),
    texts(&["kms"], "an ARN of an AWS KMS key of the new group; may be repeated"),
    texts(&["gcp-kms"], "a Google Cloud KMS key of the new group; may be repeated"),
    texts(&["hckms"], "a Huawei Cloud KMS key of the new group; may be repeated"),
    texts(&["azure-kv"], "an Azure Key Vault key of the new group; may be repeated"),
    texts(&["hc-vault-transit"], "a Vault transit key of the new group; may be repeated"),
    texts(&["age"], "an age recipient of the new group; may be repeated"),
];
const VALUE_FROM: &[Flag] = &[
    switch(&["value-file"], "the third word is a file with the value"),
    switch(&["value-stdin"], "read the value from standard input"),
];
const SAME_VALUE: &[Flag] = &[switch(&["idempotent"], "leave the file alone if it has this value already")];
const NO_VALUE: &[Flag] = &[switch(&["idempotent"], "a key that is not there is no error")];
const RUN: &[Flag] = &[
    switch(&["background"], "do not wait for the command (deprecated)"),
    text(&["user"], "the user to run the command as"),
];
const RUN_ENV: &[Flag] = &[
    switch(&["pristine"], "give the command the decrypted values only, not the environment"),
    switch(&["same-process"], "run the command in this process"),
];
const RUN_FILE: &[Flag] = &[
    switch(&["no-fifo"], "use a file instead of a pipe"),
    text(&["filename"], "the name of the temporary file (default: tmp-file)"),
];
const PUBLISH: &[Flag] = &[
    switch(&["omit-extensions"], "leave the extensions out of the destination's name"),
    switch(&["recursive"], "publish the content of a folder"),
];
const SERVE: &[Flag] = &[
    text(&["network", "net"], "tcp or unix").default("tcp"),
    text(&["address", "addr"], "host:port, or the path of a socket").default("127.0.0.1:5000"),
    switch(&["prompt"], "ask before every request"),
];
/// What bulla refuses and sops does not, each with the flag that allows it. Commands that read plaintext have these.
const ALLOW_PLAIN: &[Flag] = &[
    switch(&["allow-duplicate-keys"], "bulla: read YAML with duplicate keys in later documents, as sops does"),
    switch(&["allow-text-after-json"], "bulla: ignore text after the JSON object, as sops does"),
    switch(&["allow-truncated-json"], "bulla: read JSON that ends too early, as sops does"),
    switch(&["allow-invalid-regex"], "bulla: let a selector that is no regular expression match nothing, as sops does"),
];
/// Commands that open files have these, too.
const ALLOW_VALUES: &[Flag] =
    &[switch(&["allow-trailing-text"], "bulla: ignore text after the end of an encrypted value, as sops does")];
/// And those that give the file a new data key.
const ALLOW_RECIPIENTS: &[Flag] =
    &[switch(&["allow-unlisted-recipients"], "bulla: rotate also for recipients that .sops.yaml does not have")];

/// All commands, in the order of the help text.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "completion",
        about: "print a completion script for a shell",
        words: "",
        flags: &[],
        children: &[
            Command {
                name: "bash",
                about: "print the script for bash; to load it: `source <(sops completion bash)`",
                words: "",
                flags: &[],
                children: &[],
            },
            Command {
                name: "zsh",
                about: "print the script for zsh; to load it: `source <(sops completion zsh)`",
                words: "",
                flags: &[],
                children: &[],
            },
        ],
    },
    Command {
        name: "exec-env",
        about: "run a command with the decrypted values in its environment",
        words: "[file to decrypt] [command to run]",
        flags: &[RUN, RUN_ENV, ORDER, KEY_SERVICES],
        children: &[],
    },
    Command {
        name: "exec-file",
        about: "run a command with the decrypted file",
        words: "[file to decrypt] [command to run]",
        flags: &[RUN, RUN_FILE, INPUT_TYPE, OUTPUT_TYPE, ORDER, KEY_SERVICES],
        children: &[],
    },
    Command {
        name: "publish",
        about: "publish a file or a folder to its destination",
        words: "file",
        flags: &[YES, PUBLISH, VERBOSE, ORDER, KEY_SERVICES],
        children: &[],
    },
    Command {
        name: "keyservice",
        about: "serve the keys of this machine to other sops",
        words: "",
        flags: &[SERVE, VERBOSE],
        children: &[],
    },
    Command {
        name: "filestatus",
        about: "say whether a file is encrypted",
        words: "file",
        flags: &[INPUT_TYPE],
        children: &[],
    },
    Command {
        name: "groups",
        about: "change the key groups of a file",
        words: "",
        flags: &[],
        children: &[
            Command {
                name: "add",
                about: "add a key group to a file",
                words: "",
                flags: &[GROUP_FILE, GROUP_KEYS, PROFILE, IN_PLACE, THRESHOLD, CONTEXT, KEY_SERVICES],
                children: &[],
            },
            Command {
                name: "delete",
                about: "take a key group out of a file",
                words: "[index]",
                flags: &[GROUP_FILE, IN_PLACE, THRESHOLD, KEY_SERVICES],
                children: &[],
            },
        ],
    },
    Command {
        name: "updatekeys",
        about: "give files the keys that .sops.yaml has for them",
        words: "file",
        flags: &[YES, INPUT_TYPE, KEY_SERVICES],
        children: &[],
    },
    Command {
        name: "decrypt",
        about: "decrypt a file, or standard input, to standard output",
        words: "[file]",
        flags: &[
            IN_PLACE,
            EXTRACT,
            OUTPUT,
            INPUT_TYPE,
            OUTPUT_TYPE,
            IGNORE_MAC,
            OVERRIDE,
            ALLOW_PLAIN,
            ALLOW_VALUES,
            ORDER,
            KEY_SERVICES,
        ],
        children: &[],
    },
    Command {
        name: "encrypt",
        about: "encrypt a file, or standard input, to standard output",
        words: "[file]",
        flags: &[
            IN_PLACE,
            OUTPUT,
            KEYS,
            PROFILE,
            INPUT_TYPE,
            OUTPUT_TYPE,
            SELECTORS,
            CONTEXT,
            THRESHOLD,
            OVERRIDE,
            ALLOW_PLAIN,
            KEY_SERVICES,
        ],
        children: &[],
    },
    Command {
        name: "rotate",
        about: "give a file a new data key and encrypt all its values again",
        words: "file",
        flags: &[
            IN_PLACE,
            OUTPUT,
            INPUT_TYPE,
            OUTPUT_TYPE,
            CONTEXT,
            CHANGED_KEYS,
            OVERRIDE,
            ALLOW_PLAIN,
            ALLOW_VALUES,
            ALLOW_RECIPIENTS,
            ORDER,
            KEY_SERVICES,
        ],
        children: &[],
    },
    Command {
        name: "edit",
        about: "edit an encrypted file, or make one",
        words: "file",
        flags: &[
            KEYS,
            PROFILE,
            INPUT_TYPE,
            OUTPUT_TYPE,
            SELECTORS,
            CONTEXT,
            THRESHOLD,
            SHOW_KEYS,
            IGNORE_MAC,
            ALLOW_PLAIN,
            ALLOW_VALUES,
            ORDER,
            KEY_SERVICES,
        ],
        children: &[],
    },
    Command {
        name: "set",
        about: "set one value or branch; the value is JSON: set FILE '[\"key\"][0]' '{\"a\":true}'",
        words: "file index [ value ]",
        flags: &[
            INPUT_TYPE,
            OUTPUT_TYPE,
            VALUE_FROM,
            THRESHOLD,
            IGNORE_MAC,
            ALLOW_PLAIN,
            ALLOW_VALUES,
            ORDER,
            SAME_VALUE,
            KEY_SERVICES,
        ],
        children: &[],
    },
    Command {
        name: "unset",
        about: "take out one value or branch",
        words: "file index",
        flags: &[
            INPUT_TYPE,
            OUTPUT_TYPE,
            THRESHOLD,
            IGNORE_MAC,
            ALLOW_PLAIN,
            ALLOW_VALUES,
            ORDER,
            NO_VALUE,
            KEY_SERVICES,
        ],
        children: &[],
    },
];

/// The flags of the legacy form, which are also those before a command.
pub(super) const GLOBAL: &[&[Flag]] = &[
    &[
        switch(&["decrypt", "d"], "decrypt a file to standard output"),
        switch(&["encrypt", "e"], "encrypt a file to standard output"),
        switch(&["rotate", "r"], "give the file a new data key and encrypt all values again"),
        switch(&["disable-version-check"], "do not look for a newer version (bulla never does)")
            .env("SOPS_DISABLE_VERSION_CHECK"),
        switch(&["check-for-updates"], "look for a newer version with --version (bulla says where to look)"),
    ],
    KEYS,
    PROFILE,
    IN_PLACE,
    EXTRACT,
    INPUT_TYPE,
    OUTPUT_TYPE,
    SHOW_KEYS,
    CHANGED_KEYS,
    IGNORE_MAC,
    &[switch(&["mac-only-encrypted"], "let the MAC cover encrypted values only")],
    SELECTORS,
    COMMENT_SELECTORS,
    &[text(&["config"], "the configuration file, instead of the nearest .sops.yaml").env("SOPS_CONFIG")],
    CONTEXT,
    &[text(&["set"], "set one value: --set '[\"key\"][0] {\"a\":true}'")],
    THRESHOLD,
    &[number(&["indent"], "how many spaces YAML and JSON are indented")],
    VERBOSE,
    OUTPUT,
    OVERRIDE,
    ALLOW_PLAIN,
    ALLOW_VALUES,
    ALLOW_RECIPIENTS,
    ORDER,
    KEY_SERVICES,
];

/// What is of use before a command; the real tool ignores the rest there, and so do we, with a warning.
pub(super) const OF_USE_BEFORE_A_COMMAND: &[&str] = &["config", "indent", "mac-only-encrypted", "help", "version"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_there_twice() {
        fn check(what: &str, flags: Vec<&Flag>) {
            let mut names: Vec<&str> = flags.iter().flat_map(|flag| flag.names).copied().collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{what}");
            assert!(flags.iter().all(|flag| !flag.help.is_empty()), "{what}");
        }
        fn all(commands: &'static [Command]) {
            for command in commands {
                check(command.name, command.all_flags().chain([&HELP]).collect());
                all(command.children);
            }
        }
        all(COMMANDS);
        check("global", GLOBAL.iter().copied().flatten().chain([&HELP, &VERSION]).collect());
    }
}
