//! bulla keys
