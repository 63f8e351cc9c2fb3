//! From a template's text to its tree: Go's lexer and recursive-descent parser, with Go's positions and error texts.
//!
//! [`lex`] cuts the text into items, [`parser`] builds [`node`]s from them, [`literal`] reads quoted strings and numbers.

pub(crate) mod lex;
pub(crate) mod literal;
pub(crate) mod node;
pub(crate) mod parser;
