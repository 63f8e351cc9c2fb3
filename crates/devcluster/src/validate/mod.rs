//! What the API server refuses in an object: names and metadata of all kinds (`names`, `metadata`), the rules of
//! Secrets and ConfigMaps (`secret`) and of Leases (`lease`). Everything here is a function from values to a list of field errors.

pub(crate) mod lease;
pub(crate) mod metadata;
pub(crate) mod names;
pub(crate) mod secret;
