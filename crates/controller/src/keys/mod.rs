//! The sealing keys: which there are, which opens, which seals, when a new one is made.
//!
//! Pure: [`store`] the loaded keys and the choice of the newest, [`candidates`] which Secrets
//! are keys, [`renewal`] when a new one is due. [`secret`] reads and writes key Secrets. [`registry`] is what the rest of the
//! controller asks; [`uses`] says which objects a key has opened; [`follow`] keeps it true to the cluster, [`make`] makes keys, [`backup`] writes them to safety. A key that is relabelled or deleted is gone at
//! once; a key Secret that holds no key is logged, counted and passed over (sealed-secrets 10.3).

pub(crate) mod backup;
pub(crate) mod candidates;
pub(crate) mod follow;
pub(crate) mod make;
pub(crate) mod registry;
pub(crate) mod renewal;
pub(crate) mod secret;
pub(crate) mod store;
pub(crate) mod uses;
