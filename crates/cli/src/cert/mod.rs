//! Sealing certificates: choosing the one to seal with, pinning it, fetching and describing it.
//!
//! `choose` decides between what is given, stated in `.bulla.yaml`, pinned (`pins`) and offered by the cluster (`search`);
//! `changed` has the words for one that is not as it was. `fetch`, `describe` and `pin` are the commands.

mod changed;
mod choose;
mod describe;
pub(crate) mod fetch;
pub(crate) mod pin;
mod pins;
mod search;

pub(crate) use choose::{CertificateChoice, Chosen, Given, choose, choose_for, entry};
pub(crate) use describe::{Description, show};
pub(crate) use search::{Offer, Wanted, ask};
