//! bulla verify
