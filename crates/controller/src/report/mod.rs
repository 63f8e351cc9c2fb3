//! What people and other controllers get to see: status conditions and events.
//!
//! [`reason`] is the list of all causes, [`status`] the wire format of a SealedSecret's status, [`conditions`] the pure
//! function from the present status and an outcome to the next status. Writing is `apply`'s.

pub(crate) mod applied;
pub(crate) mod conditions;
pub(crate) mod events;
pub(crate) mod reason;
pub(crate) mod status;
pub(crate) mod telling;
pub(crate) mod write;
