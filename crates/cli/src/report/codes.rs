//! The stable codes of errors. A code is never reused; docs/errors.md explains each one, and a test keeps both lists equal.

macro_rules! codes {
    ($($name:ident = $text:literal, $summary:literal;)*) => {
        /// What went wrong, by a name that stays the same when wording changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $(#[doc = $summary] $name,)*
        }

        impl Code {
            /// The text form, as messages show it and people search for it.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// All codes with the names that the source uses for them, and their summaries.
            #[cfg(test)]
            pub(crate) const ALL: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$name, stringify!($name), $summary),)*];
        }
    };
}

codes! {
    Usage = "E0001", "the command line is not understood";

    ReadFile = "E0101", "a file cannot be read";
    InputTooLarge = "E0102", "the input is larger than 64 MiB";
    WriteFile = "E0103", "a file cannot be written";
    WriteOutput = "E0104", "standard output cannot be written";
    StdinTwice = "E0105", "standard input is asked for twice";

    NotYaml = "E0201", "the input is neither YAML nor JSON";
    NothingThere = "E0202", "the input holds no document";
    NotASecret = "E0203", "the document is not a Secret";
    IsAList = "E0204", "the document is a List";
    NoName = "E0205", "the Secret has no name";
    NoNamespace = "E0206", "the Secret has no namespace";
    OtherNamespace = "E0207", "the Secret's namespace is another one than the flag says";
    DuplicateKey = "E0208", "a key is defined twice in one map";
    WrongType = "E0209", "a field of the Secret has a value of the wrong kind";
    NotBase64 = "E0210", "a value under data is not base64";
    NoData = "E0211", "the Secret has no data";
    NameForMany = "E0212", "one name is given for several Secrets";
    TypeNeeds = "E0216", "the Secret lacks what its type needs";
    TlsMismatch = "E0217", "a private key does not belong to its certificate";
    NoPlace = "E0218", "where a sealed file goes is not clear";
    BadSource = "E0219", "a value cannot be taken from where it is said to be";

    ValueInArguments = "E0220", "a value is given as an argument without --literal";
    NoValueGiven = "E0221", "no value is given";
    BadKeyName = "E0222", "the name cannot be a key of a Secret";
    ValueTooLarge = "E0223", "a value is larger than a Secret can be";
    CannotSplice = "E0224", "the file cannot be changed in place";
    NoSuchKey = "E0225", "the SealedSecret has no such key";
    KeyTaken = "E0226", "the SealedSecret has the key already";
    SeveralObjects = "E0227", "the file holds several SealedSecrets";
    NoSuchObject = "E0228", "the file holds no SealedSecret of that name";
    PlainSecret = "E0229", "the file holds a plain Secret";
    ChangedMeanwhile = "E0230", "the file changed while it was worked on";
    EntriesDiffer = "E0231", "the two entries at the prompt differ";
    MemoryKey = "E0240", "the key of the memory is not private";
    SealedTwice = "E0241", "a SealedSecret is in the file twice";
    EditorFails = "E0243", "the editor cannot be used";
    NoMemoryPlace = "E0244", "there is no place in memory for the plain text";
    EditedText = "E0245", "the edited text cannot be used";
    NotKnown = "E0247", "the cluster does not know the values of a file";

    NoCertificateGiven = "E0301", "no certificate is given";
    NotACertificate = "E0302", "the file holds no certificate";
    CertificateMalformed = "E0303", "the certificate is damaged";
    CertificateExpired = "E0304", "the certificate has expired";
    CertificateNotRsa = "E0305", "the certificate's key is not an RSA key";
    CertificateKeySize = "E0306", "the certificate's RSA key has a size that is not supported";

    CertificateChanged = "E0310", "the certificate is not the pinned one";
    PinUnusable = "E0311", "a pinned certificate cannot be used";
    SeveralControllers = "E0312", "there are several controllers in the cluster";
    NotTheAccepted = "E0313", "the certificate is not the one that is accepted";

    NoKeyGiven = "E0401", "no private key is given";
    KeyUnusable = "E0402", "a key file holds no usable private key";
    NotASealedSecret = "E0403", "the document is not a SealedSecret";
    DoesNotOpen = "E0404", "values of a SealedSecret do not open";
    DeprecatedData = "E0406", "the deprecated field spec.data cannot be used";
    TemplateFails = "E0407", "a template of a SealedSecret cannot be rendered";

    Interrupted = "E0410", "the work was interrupted";
    UnfinishedMerge = "E0411", "a merge is unfinished in the file";
    CannotReseal = "E0412", "files hold values that cannot be resealed";
    NoSealingCertificate = "E0413", "it is not clear which certificate to reseal with";
    ResealRefused = "E0414", "the controller refuses to reseal";
    VerifyRefused = "E0415", "the controller does not say whether values open";

    BackupWithoutKey = "E0430", "a backup of keys holds no usable key";
    IdentityFile = "E0431", "an age identity file cannot be used";
    BackupDoesNotOpen = "E0432", "an age file does not open";
    NoIdentity = "E0433", "no age identity is given";
    NotConfirmed = "E0434", "nobody has confirmed the fingerprint";
    OtherKeys = "E0435", "the keys are not those that are expected";
    KeyNameTaken = "E0436", "the name of a key Secret is taken";
    KeyNotFound = "E0437", "there is no sealing key with this fingerprint";
    KeyInUse = "E0438", "the sealing key is still in use";
    NotInBackup = "E0439", "the backup does not hold the key";
    NoKeys = "E0440", "there is no sealing key";
    KeyPair = "E0441", "certificate and private key do not belong together";
    KeyFromTheFuture = "E0442", "the certificate of the key begins in the future";
    NamespaceMissing = "E0443", "the controller's namespace does not exist";
    KeyForbidden = "E0444", "a right on key Secrets or SealedSecrets is missing";
    RecipientUnusable = "E0445", "an age recipient cannot be used";
    GitFailed = "E0446", "git cannot be asked for branches and tags";
    KeyChanged = "E0447", "a key Secret was changed meanwhile";

    NoCluster = "E0501", "no cluster is configured";
    Kubeconfig = "E0502", "the kubeconfig cannot be used";
    ClusterUnreachable = "E0503", "the cluster does not answer";
    ControllerNotFound = "E0504", "the controller's service is not there";
    ClusterRefused = "E0505", "the cluster refuses the request";
    FetchFailed = "E0506", "the certificate cannot be fetched from the URL";
    NoCredentials = "E0510", "the cluster asks who you are, and no credentials are there";

    PortTaken = "E0601", "an address cannot be listened on";
    ControllerSettings = "E0602", "the controller cannot work with these settings";
    ControllerFailed = "E0603", "the controller cannot be started";
    DevclusterExposed = "E0604", "the development cluster would be open to other machines";
    DevclusterFailed = "E0605", "the development cluster cannot be started";

    StoryBroken = "E0701", "a step of the quickstart did not happen";

    ConfigMalformed = "E0801", "the file .bulla.yaml cannot be understood";
    ConfigKey = "E0802", "a key in .bulla.yaml does not exist";
    ConfigValue = "E0803", "a value in .bulla.yaml cannot be used";
    UnknownCluster = "E0804", "the cluster is not in .bulla.yaml";
    WhichCluster = "E0805", "it is not clear which cluster is meant";
    SomeFailed = "E0806", "some files were not sealed";
    BadName = "E0807", "the cluster would refuse the name";

    NoPage = "E0820", "there is no manual page for the command";
    StateOpen = "E0821", "the folder of local state is not yours alone";
    KeyInTree = "E0822", "a private sealing key lies in the work tree";
    CertificateOld = "E0823", "the certificate is older than the policy wants";
    NoDefinition = "E0824", "the cluster does not know SealedSecrets";
    PluginMissing = "E0825", "the kubeconfig's credential plugin is not there";

    Internal = "E0901", "something failed that should not";

    SopsAlias = "E1001", "an alias reaches a value that is to be encrypted";
    SopsLostComment = "E1002", "a comment would stay readable among encrypted values";
    SopsLayout = "E1003", "the file cannot be written in its own layout";
    SopsNoPath = "E1004", "there is nothing at the path";
    SopsTaken = "E1005", "the key is there already";
    SopsBadPath = "E1006", "the path cannot be used";
    SopsAlready = "E1007", "the file is encrypted already";
    SopsSelector = "E1008", "the selector cannot be used for the file";
    SopsNotSealable = "E1009", "something in the file cannot be encrypted";
    SopsPlainUnreadable = "E1010", "the file is not what its name says";
    SopsMixed = "E1011", "sops files and others do not go together";
    SopsBadJson = "E1012", "the value is not JSON";
    SopsNoRecipients = "E1013", "no rule says who may open the file";

    SopsUnreadable = "E1030", "a sops file cannot be read";
    NotASopsFile = "E1031", "the file is not one of sops";
    SopsStrict = "E1032", "a sops file is not as an honest tool writes it";
    SopsMac = "E1033", "the values are not those that were encrypted";
    SealBroken = "E1034", "a sops file is not as it was sealed";
    SealMissing = "E1035", "a sops file has no second seal";
    SopsLocked = "E1036", "no key here opens the sops file";
    NoCreationRule = "E1037", "no creation rule can be used for the file";
    ForeignRecipient = "E1038", "a recipient is not in .sops.yaml";
    BadRecipient = "E1039", "a recipient is not understood";
    NoSuchRecipient = "E1040", "nobody of that name can open the files";
    NobodyLeft = "E1041", "nobody could open the file any more";
    WhichGroup = "E1042", "it is not clear which key group is meant";
    NotWrapped = "E1043", "the data key cannot be wrapped";
    NotInPlace = "E1044", "a sops file cannot be changed in place";
    RuleByHand = "E1045", "a rule in .sops.yaml is not edited in place";
    NotStarted = "E1046", "the command cannot be started";
    SameName = "E1047", "two values would be the same variable";
    NoVariable = "E1048", "a value cannot be a variable";

    SopsConfigMalformed = "E1080", "the file .sops.yaml cannot be understood";
    SopsConfigKey = "E1081", "a key in .sops.yaml does not exist";
    SopsConfigValue = "E1082", "a value in .sops.yaml cannot be used";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::Code;

    fn explained() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[test]
    fn every_code_is_explained_and_every_explanation_has_a_code() {
        let text = explained();
        let documented: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let titles: Vec<String> =
            Code::ALL.iter().map(|(code, _, summary)| format!("{}: {summary}", code.as_str())).collect();
        let known: BTreeSet<&str> = titles.iter().map(String::as_str).collect();
        let missing: Vec<_> = known.difference(&documented).collect();
        let stale: Vec<_> = documented.difference(&known).collect();
        assert!(missing.is_empty(), "docs/errors.md lacks the headings: {missing:#?}");
        assert!(stale.is_empty(), "docs/errors.md explains what no longer exists: {stale:#?}");
    }

    #[test]
    fn every_explanation_has_a_cause_and_a_cure() {
        for section in explained().split("\n### ").skip(1) {
            let title = section.lines().next().unwrap_or_default();
            for part in ["**Cause.**", "**Cure.**"] {
                assert!(section.contains(part), "docs/errors.md, {title}: no {part}");
            }
        }
    }

    #[test]
    fn codes_are_unique_and_every_one_is_used() {
        let mut source = String::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut source);
        let mut seen = BTreeSet::new();
        for (code, name, _) in Code::ALL {
            assert!(seen.insert(code.as_str()), "{} is given twice", code.as_str());
            assert!(source.contains(&format!("Code::{name}")), "Code::{name} is never used");
        }
    }

    fn collect(folder: &Path, source: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, source);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("report/codes.rs") {
                source.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
}
