//! Every reason that a condition can have. The names are wire format: people alert on them. `docs/controller.md` holds the
//! table, and a test keeps it equal to this file.

/// Why an object is as its conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// The Secret is as the SealedSecret states it.
    Unsealed,
    /// No key at hand opens at least one value.
    WrongKey,
    /// A value was sealed for another scope, namespace or name.
    WrongScope,
    /// A value was changed or cut after it was sealed.
    Damaged,
    /// A value is not text, not base64 or too short, or the object itself is unreadable.
    Malformed,
    /// `spec.data` is used in a way that is not allowed.
    DeprecatedData,
    /// A template of `spec.template.data` does not parse, fails, or is over its budget.
    TemplateFailed,
    /// The controller has no sealing key yet.
    NoSealingKey,
    /// A Secret of that name exists and belongs to somebody else.
    NotManaged,
    /// The Secret is immutable and its data would have to change.
    Immutable,
    /// The Secret has another type, which Kubernetes never lets change.
    TypeChange,
    /// The Secret is being deleted.
    Terminating,
    /// Somebody keeps changing the Secret.
    Drift,
    /// The API server says that the Secret is not valid.
    Rejected,
    /// The controller lacks rights, or the namespace is being deleted.
    Forbidden,
    /// The API server could not be asked, or failed.
    ApiError,
}

/// Every reason that a condition of a SealedSecret can have: the word, the cause, the cure. For documentation and for
/// commands that explain.
pub fn reasons() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    Reason::ALL.into_iter().map(|reason| (reason.as_str(), reason.cause(), reason.cure()))
}

/// How it goes on: what engines that judge health by conditions are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// Nothing is left to do.
    Done,
    /// It is tried again, and likely to come right without anybody's doing. Nobody can say yet how it will end.
    Reconciling,
    /// A person, or another object, has to mend it. (It is tried again all the same, and at once when it may be mended.)
    Stalled,
}

/// Why the condition `Applied` is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordReason {
    /// The Secret that the record names is there.
    Written,
    /// It is there no longer.
    Gone,
}

/// How upstream's counter `unseal_errors_total` calls the step that failed (sealed-secrets 13.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Decrypting.
    Unseal,
    /// Writing.
    Update,
    /// Refused, because the Secret is somebody else's.
    Unmanaged,
}

impl Reason {
    /// All of them, in the order of the documentation.
    pub(crate) const ALL: [Self; 16] = [
        Self::Unsealed,
        Self::WrongKey,
        Self::WrongScope,
        Self::Damaged,
        Self::Malformed,
        Self::DeprecatedData,
        Self::TemplateFailed,
        Self::NoSealingKey,
        Self::NotManaged,
        Self::Immutable,
        Self::TypeChange,
        Self::Terminating,
        Self::Drift,
        Self::Rejected,
        Self::Forbidden,
        Self::ApiError,
    ];

    /// The word in the condition.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unsealed => "Unsealed",
            Self::WrongKey => "WrongKey",
            Self::WrongScope => "WrongScope",
            Self::Damaged => "Damaged",
            Self::Malformed => "Malformed",
            Self::DeprecatedData => "DeprecatedData",
            Self::TemplateFailed => "TemplateFailed",
            Self::NoSealingKey => "NoSealingKey",
            Self::NotManaged => "NotManaged",
            Self::Immutable => "Immutable",
            Self::TypeChange => "TypeChange",
            Self::Terminating => "Terminating",
            Self::Drift => "Drift",
            Self::Rejected => "Rejected",
            Self::Forbidden => "Forbidden",
            Self::ApiError => "ApiError",
        }
    }

    /// The reason that a word stands for, if it is one of ours.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// What has happened.
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Self::Unsealed => "The Secret is as the SealedSecret states it.",
            Self::WrongKey => {
                "At least one value does not open with any key of this cluster: it was sealed for another cluster or \
                 another name, its key was deleted, or its beginning is damaged."
            }
            Self::WrongScope => "At least one value was sealed for another scope, namespace or name.",
            Self::Damaged => "At least one value was changed or cut after it was sealed.",
            Self::Malformed => "A value is not text, not base64 or too short, or the object itself cannot be read.",
            Self::DeprecatedData => {
                "The deprecated field `spec.data` is switched off, is used together with `encryptedData`, or does not hold a \
                 Secret."
            }
            Self::TemplateFailed => "A template in `spec.template.data` does not parse, fails, or is over its budget.",
            Self::NoSealingKey => "The controller has no sealing key yet.",
            Self::NotManaged => "A Secret with this name exists, and this SealedSecret does not own it.",
            Self::Immutable => "The Secret is immutable, and its data would have to change.",
            Self::TypeChange => "The type of the Secret would have to change, which Kubernetes does not allow.",
            Self::Terminating => "The Secret is being deleted, and a finalizer holds it.",
            Self::Drift => "Somebody keeps changing the Secret back: repairs wait longer and longer.",
            Self::Rejected => "The API server says that the Secret is not valid.",
            Self::Forbidden => "The controller lacks a right, or the namespace is being deleted.",
            Self::ApiError => "The API server could not be reached, or answered with an error.",
        }
    }

    /// What mends it.
    pub(crate) const fn cure(self) -> &'static str {
        match self {
            Self::Unsealed => "Nothing to do.",
            Self::WrongKey => {
                "Seal the value again with this cluster's certificate, or add the missing key Secret; objects that wait for \
                 a key are opened as soon as it appears."
            }
            Self::WrongScope => {
                "Give the SealedSecret the name and namespace that the message names, or the scope annotation, or seal again."
            }
            Self::Damaged => "Take the value from version control again, or seal it again.",
            Self::Malformed => "Correct the item that the message names; seal it again if in doubt.",
            Self::DeprecatedData => "Seal the items into `spec.encryptedData`.",
            Self::TemplateFailed => {
                "Correct the template that the message names; docs/templates.md has the language and its limits."
            }
            Self::NoSealingKey => "See the controller's log for why it can neither read nor create key Secrets.",
            Self::NotManaged => {
                "Delete or rename the other Secret, or rename the SealedSecret; it is created as soon as the name is free."
            }
            Self::Immutable => "Delete the Secret; it is created again with the new data.",
            Self::TypeChange => "Delete the Secret; it is created again with the new type.",
            Self::Terminating => "Wait, or remove the finalizer; the Secret is created again when it is gone.",
            Self::Drift => "Stop the other writer, or annotate the SealedSecret with `bulla.dev/drift: ignore`.",
            Self::Rejected => "Correct the item, type, label or annotation that the message names.",
            Self::Forbidden => "Grant the right that the message names.",
            Self::ApiError => "Usually nothing: it is tried again until it works.",
        }
    }

    /// How it goes on.
    pub(crate) fn course(self) -> Course {
        match self {
            Self::Unsealed => Course::Done,
            Self::NoSealingKey | Self::Terminating | Self::Drift | Self::ApiError => Course::Reconciling,
            Self::WrongKey
            | Self::WrongScope
            | Self::Damaged
            | Self::Malformed
            | Self::DeprecatedData
            | Self::TemplateFailed
            | Self::NotManaged
            | Self::Immutable
            | Self::TypeChange
            | Self::Rejected
            | Self::Forbidden => Course::Stalled,
        }
    }

    /// The label of upstream's counter; none for success.
    pub(crate) fn step(self) -> Option<Step> {
        match self {
            Self::Unsealed => None,
            Self::WrongKey
            | Self::WrongScope
            | Self::Damaged
            | Self::Malformed
            | Self::DeprecatedData
            | Self::TemplateFailed
            | Self::NoSealingKey => Some(Step::Unseal),
            Self::NotManaged => Some(Step::Unmanaged),
            Self::Immutable
            | Self::TypeChange
            | Self::Terminating
            | Self::Drift
            | Self::Rejected
            | Self::Forbidden
            | Self::ApiError => Some(Step::Update),
        }
    }
}

impl Course {
    /// The status of `Synced` and `Ready`. What is tried again is `Unknown`: Argo CD shows `False` as Degraded, and kstatus
    /// says InProgress.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Self::Done => "True",
            Self::Reconciling => "Unknown",
            Self::Stalled => "False",
        }
    }
}

impl RecordReason {
    /// The word in the condition.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Written => "Written",
            Self::Gone => "Gone",
        }
    }
}

impl Step {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unseal => "unseal",
            Self::Update => "update",
            Self::Unmanaged => "unmanaged",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_reason_with_its_cause_and_cure() {
        let mut table = String::from("| reason | cause | cure |\n|---|---|---|\n");
        for (reason, cause, cure) in reasons() {
            table.push_str(&format!("| `{reason}` | {cause} | {cure} |\n"));
        }
        let documentation = include_str!("../../../../docs/controller.md");
        assert!(documentation.contains(&table), "put this table into docs/controller.md:\n{table}");
    }

    #[test]
    fn every_reason_is_one_word_that_reads_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
            assert!(reason.as_str().bytes().all(|byte| byte.is_ascii_alphabetic()), "kubectl and alerts match on it");
        }
        assert_eq!(Reason::parse("Other"), None);
    }
}
