//! bulla why
