//! Values that a template makes anew each time it runs: random ones, times, keys.
//!
//! They are made once for each generation of a SealedSecret. As long as our record says that the Secret was written from
//! this generation, such a value is kept as the Secret has it: making it anew would be a write at every look, and a
//! password that changes under its users. An edit of such a value by somebody else cannot be told from what was made.

use bulla_core::sealed::UnsealedSecret;
use bulla_core::secret::SecretBytes;

use crate::live::LiveSecret;
use crate::report::applied::Applied;

/// Puts what `live` has in place of what varies, if that was made for this `generation`.
pub(crate) fn keep(secret: &mut UnsealedSecret, generation: i64, live: Option<&LiveSecret>, record: Option<&Applied>) {
    let (Some(live), Some(record)) = (live, record) else { return };
    if record.generation != generation || &*record.secret != live.text("uid") {
        return;
    }
    let present = |item: &String| Some((item.clone(), SecretBytes::new(live.item(item)?.expose().to_vec())));
    let kept: Vec<_> = secret.varying().iter().filter_map(present).collect();
    for (item, value) in kept {
        secret.keep(&item, value);
    }
}
