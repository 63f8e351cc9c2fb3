//! Bytes in and out of the process: standard streams, files, limits, atomic replacement. No decision is made here.

pub(crate) mod atomic;
pub(crate) mod dirs;
pub(crate) mod input;
pub(crate) mod output;

pub(crate) use input::{Source, read};
pub(crate) use output::{Console, Target};
