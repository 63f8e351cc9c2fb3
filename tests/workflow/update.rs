//! bulla seal --update
