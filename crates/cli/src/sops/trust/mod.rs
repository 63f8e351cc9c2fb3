//! Opening sops files strictly, and sealing what is written: the way in and out for all of bulla's own verbs.
//!
//! Which way the data goes: a file that was read → `strict` (no key needed) → the data key, asked for once for each distinct one → the
//! values → the MAC → the second seal. And back: bytes that are to be written are read once more, their MAC is checked, and the seal
//! that is put in is over what a reader will find.

pub(crate) mod expected;
pub(crate) mod keys;
pub(crate) mod path;
pub(crate) mod reseal;
pub(crate) mod rewrap;

use bulla_core::sops::second_seal::{self, Breach, Context, Verdict};
use bulla_core::sops::strict::{self, Allow, Violation};
use bulla_core::sops::{DataKey, Error, Format, Metadata, Nonces, Tree};

use super::files::SopsFile;
use crate::report::{Code, Report, Result};

pub(crate) use self::keys::Keys;

/// How much is believed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trust {
    /// What passes although strict reading refuses it.
    pub(crate) allow: Allow,
    /// Whether a file without a second seal is refused.
    pub(crate) require_seal: bool,
    /// Whether a file must lie where it was sealed.
    pub(crate) require_path: bool,
    /// Whether a second seal that does not hold is no obstacle: it is about to be replaced, and a person wants that.
    pub(crate) accept_broken_seal: bool,
}

/// A file whose values are in the clear.
pub(crate) struct Opened {
    /// The values. Plaintext.
    pub(crate) tree: Tree,
    /// The metadata, as the file has it.
    pub(crate) metadata: Metadata,
    /// The data key.
    pub(crate) key: DataKey,
    /// What keeps the ciphertext of unchanged values when the tree is encrypted again.
    pub(crate) nonces: Nonces,
    /// What the second seal says.
    pub(crate) seal: Verdict,
}

/// Opens a file, or says which rule it breaks.
pub(crate) fn open(file: &SopsFile, keys: &Keys, trust: Trust) -> Result<Opened> {
    check_strictly(&file.name(), &file.tree, &file.metadata, trust.allow)?;
    let key = keys.data_key(&file.name(), &file.metadata)?;
    open_with(file, key, trust)
}

/// As [`open`], with a data key that is known already.
pub(crate) fn open_with(file: &SopsFile, key: DataKey, trust: Trust) -> Result<Opened> {
    let name = file.name();
    let mut tree = Tree { documents: file.tree.documents.clone() };
    let metadata = file.metadata.clone();
    let decrypted = bulla_core::sops::decrypt(&mut tree, &key, &metadata).map_err(|error| not_open(&name, &error))?;
    metadata.check_mac(&key, &decrypted.mac).map_err(|error| not_open(&name, &error))?;
    let seal = check_seal(file, &tree, &key, trust)?;
    Ok(Opened { tree, metadata, key, nonces: decrypted.nonces, seal })
}

/// What needs no key: the rules of strict reading.
pub(crate) fn check_strictly(name: &str, tree: &Tree, metadata: &Metadata, allow: Allow) -> Result<()> {
    let violations = strict::check(tree, metadata, allow).map_err(|error| not_open(name, &error))?;
    match violations.as_slice() {
        [] => Ok(()),
        [first, rest @ ..] => Err(refused(name, first, rest.len())),
    }
}

/// The second seal of a decrypted file.
fn check_seal(file: &SopsFile, tree: &Tree, key: &DataKey, trust: Trust) -> Result<Verdict> {
    let name = file.name();
    let verdict = second_seal::check(tree, &file.metadata, key).map_err(|error| not_open(&name, &error))?;
    match &verdict {
        Verdict::Broken(breaches) if !trust.accept_broken_seal => return Err(broken(&name, breaches)),
        Verdict::NotSealed | Verdict::Unknown if trust.require_seal => {
            let message = match verdict {
                Verdict::NotSealed => format!("{name}: not sealed by bulla: its structure is not covered"),
                _ => format!("{name}: its second seal is of a version that this bulla does not know"),
            };
            return Err(Report::new(Code::SealMissing, message).hint(
                "compare the file with the version before (git log -p); bulla reseal --seal FILE seals it as it is now",
            ));
        }
        Verdict::Intact if trust.require_path => path::check(file)?,
        _ => {}
    }
    Ok(verdict)
}

/// Puts a new second seal into an encrypted file that is to be written, and makes sure that it reads as it should: the bytes are read
/// back and opened, so that nothing is written that does not open again.
pub(crate) fn with_seal(
    format: Format,
    bytes: &[u8],
    key: &DataKey,
    context: Context<'_>,
) -> std::result::Result<Vec<u8>, Error> {
    let (mut tree, mut metadata) = format.load_encrypted(bytes)?;
    let decrypted = bulla_core::sops::decrypt(&mut tree, key, &metadata)?;
    metadata.check_mac(key, &decrypted.mac)?;
    second_seal::renew(&tree, &mut metadata, key, context)?;
    bulla_core::sops::layout::replace_metadata(bytes, format, &metadata).map_err(|error| match error {
        bulla_core::sops::layout::Error::Sops(error) => error,
        other => Error::Unwritable(other.to_string()),
    })
}

/// A rule of strict reading is broken.
fn refused(name: &str, violation: &Violation, more: usize) -> Report {
    let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
    let hint = match violation.rule.allowance() {
        Some(word) => format!("compare the file with the version before (git log -p); if it is meant: --allow {word}"),
        None => "take the file from Git's history, or compare it with the version before (git log -p)".to_owned(),
    };
    Report::new(Code::SopsStrict, format!("{name}: {violation}{more}")).hint(hint)
}

/// The second seal does not hold.
fn broken(name: &str, breaches: &[Breach]) -> Report {
    let words: Vec<String> = breaches.iter().map(in_words).collect();
    Report::new(Code::SealBroken, format!("{name}: {}", words.join("; "))).hint(
        "somebody changed the file without its data key: compare it with the version before (git log -p)\n\
         if the change is right, make it with bulla set, edit or rename, or with sops and then bulla reseal --seal FILE",
    )
}

/// `clear value changed at metadata.labels.app`
pub(crate) fn in_words(breach: &Breach) -> String {
    match breach.path.as_str() {
        "" => breach.rule.to_owned(),
        path => format!("{} at {path}", breach.rule),
    }
}

/// A file that does not open although its data key is there.
pub(crate) fn not_open(name: &str, error: &Error) -> Report {
    let (code, hint) = match error {
        Error::MacMismatch { .. } | Error::MacUnreadable(_) => (
            Code::SopsMac,
            "a value was moved, taken out, or put back to an older one: compare the file with the version before (git log -p)",
        ),
        _ => (Code::SopsStrict, "take the file from Git's history, or compare it with the version before (git log -p)"),
    };
    let message = match error {
        // The digests of the mismatch help nobody.
        Error::MacMismatch { .. } => "MAC mismatch: the values are not those that were encrypted".to_owned(),
        other => other.to_string(),
    };
    Report::new(code, format!("{name}: {message}")).hint(hint)
}
