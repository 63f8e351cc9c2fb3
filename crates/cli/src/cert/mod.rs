//! Sealing certificates: reading, describing, fetching.

mod describe;
pub(crate) mod fetch;
mod load;

pub(crate) use describe::show;
pub(crate) use load::load;
