//! bulla init
