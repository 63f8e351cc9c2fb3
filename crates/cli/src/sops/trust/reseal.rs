//! `bulla reseal` on sops files: a file whose recipients are not those of its rule is wrapped for those. The data key stays, unless
//! somebody is to be shut out.

use std::path::Path;

use super::expected::{Rules, groups_of};
use super::rewrap::{DataKeyChoice, resealed, rewrapped};
use super::{Keys, Trust};
use crate::report::Result;
use crate::sops::files::{self, SopsFile};
use bulla_core::sops::second_seal;

/// How.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Recipients that the rules do not name stay.
    pub(crate) keep_unlisted: bool,
    /// A file without a second seal, or with one that does not hold, gets a new one.
    pub(crate) seal: bool,
    /// Find out, and write nothing.
    pub(crate) only_look: bool,
    /// How much is believed.
    pub(crate) trust: Trust,
}

/// What is stale about a file, in lines; none: nothing.
pub(crate) struct Stale {
    /// `+ age age1…`
    pub(crate) lines: Vec<String>,
    /// The new bytes; none if they were not asked for.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// Looks at one file, and makes its new bytes.
pub(crate) fn settle(path: &Path, options: Options, keys: &Keys) -> Result<(SopsFile, Stale)> {
    let file = files::read_sops(path)?;
    let rules = Rules::of(path)?;
    let mut lines = Vec::new();
    let mut rewrap = None;
    if let Some(rule) = rules.with_keys() {
        let difference = rule.difference(&file.metadata);
        let shut_out = !difference.unlisted.is_empty() && !options.keep_unlisted;
        let stale = shut_out || !difference.missing.is_empty() || difference.regrouped;
        if stale {
            lines = difference.lines(options.keep_unlisted);
            let choice = if shut_out { DataKeyChoice::Rotate } else { DataKeyChoice::Keep };
            if shut_out {
                lines.push("  a new data key: whoever goes keeps what was seen before".to_owned());
            }
            let threshold = u32::try_from(rule.creation.shamir_threshold).unwrap_or(0);
            rewrap = Some((groups_of(rule, &file.metadata, options.keep_unlisted), threshold, choice));
        }
    }
    let unsealed = options.seal && !seal_holds(&file, options, keys)?;
    if unsealed {
        lines.push("~ second seal".to_owned());
    }
    let bytes = match rewrap {
        _ if lines.is_empty() || options.only_look => None,
        Some((groups, threshold, choice)) => {
            let trust = Trust { accept_broken_seal: unsealed, ..options.trust };
            Some(rewrapped(&file, groups, threshold, choice, keys, trust)?)
        }
        None => Some(resealed(&file, keys, options.trust)?),
    };
    Ok((file, Stale { lines, bytes }))
}

fn seal_holds(file: &SopsFile, options: Options, keys: &Keys) -> Result<bool> {
    if !second_seal::is_there(&file.metadata) {
        return Ok(false);
    }
    let opened = super::open(file, keys, Trust { accept_broken_seal: true, require_seal: false, ..options.trust })?;
    Ok(opened.seal == second_seal::Verdict::Intact)
}
