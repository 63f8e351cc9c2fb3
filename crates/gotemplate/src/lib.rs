//! Go's text/template with sprig's functions, on bytes, with a budget and errors that carry no values.
//!
//! [`render`] does for `spec.template.data` of a SealedSecret what the Sealed Secrets controller v0.40.0 does, with the
//! same output and the same success or failure for every template in `tests/vectors/gotemplate`, which the real
//! text/template and sprig v3.3.0 have rendered. docs/templates.md says why this is an engine of our own, and lists the
//! deliberate differences.
//!
//! What templates cannot do: read the environment, files, the network or the cluster; use more than their [`Budget`];
//! put a value into an [`Error`].
//!
//! Data flows one way: [`parse`] turns text into a tree, [`exec`] walks it over [`value`]s, calling the functions of
//! [`builtin`] and [`sprig`], and [`budget`] is charged by all of them.

mod budget;
mod builtin;
mod error;
mod exec;
mod function;
#[doc(hidden)]
pub mod fuzz;
mod methods;
mod parse;
mod render;
mod sprig;
mod unicode;
mod value;

pub use budget::Budget;
pub use error::{Error, Position};
pub use render::{Errors, Rendered, check, render};
