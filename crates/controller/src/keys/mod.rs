//! The sealing keys: which there are, which opens, which seals.
//!
//! [`store`] is the state and the choice of the newest key, without I/O; [`secret`] reads and writes key Secrets; [`registry`]
//! watches them, loads them, makes the first one and new ones on demand. A key that is relabelled or deleted is gone at
//! once; a key Secret that holds no key is logged, counted and passed over (sealed-secrets 10.3).

pub(crate) mod registry;
pub(crate) mod secret;
pub(crate) mod store;
